#=> ok | error
a = (1..100).to_a
e = a.each
e.next
a.clear
GC.start
begin
  e.next
  e.next
rescue StopIteration
  1
end
