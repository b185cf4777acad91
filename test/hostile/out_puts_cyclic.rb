#=> error | ok
a = [1]
a << a
puts a
