#=> ok 3000
n = 0
a = []
3000.times do
  GC.generational_mode = (n % 2 == 0)
  a << [n, 'x' * 10]
  GC.start if n % 500 == 0
  n += 1
end
n
