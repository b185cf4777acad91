#=> error class=StopIteration
e = [1, 2].each
e.next
e.next
e.next
