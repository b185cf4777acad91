#=> error class=SystemStackError | ok | error class=RuntimeError
a = []
h = { a => 1 }
a << h
h.inspect
h.rehash
h[a]
h == h.dup
h.hash
