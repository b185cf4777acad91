#=> error
h = {}
h[h] = h
h.rehash
h
