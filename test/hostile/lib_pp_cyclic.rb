#=> ok
a = ['x' * 100]
a << a << { a => a }
h = { 'y' * 100 => a }
h[h] = h
s = Struct.new(:a, :b).new(a, h)
s.a = [s, 'z' * 100]
pp a, h, s, Set[a, h]
a.pretty_inspect.size
class Odd
  def inspect = 5
end
class Odder
  def inspect = raise('no')
end
[Odd.new, Odder.new, BasicObject, Object.new].each { |o| (pp o rescue 0) }
(pp BasicObject.new rescue 0)
1
