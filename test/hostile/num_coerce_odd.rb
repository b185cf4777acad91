#=> ok
class Foo
  def initialize(x) = @x = x
  def coerce(other) = @x == :raise ? raise('x') : @x
end
[nil, 5, [], [1], [1, 2, 3], ['a', 'b'], [nil, nil], :raise, [self, self]].map do |x|
  foo = Foo.new(x)
  [1, 1.5, 2**100, Rational(1, 2), Complex(1, 2)].map { |n| %i[+ - * / % ** <=> == < & << divmod].map { |m| begin; n.send(m, foo); rescue Exception; end } }
end.size
