#=> ok
class Foo
  include Comparable
  def initialize(x) = @x = x
  def <=>(other) = @x == :raise ? raise('x') : @x
end
[nil, 'x', 2**100, -(2**100), 1.5, 0.0 / 0, :raise, [], true].map do |x|
  a = Foo.new(x)
  b = Foo.new(x)
  [-> { a < b }, -> { a == b }, -> { a.clamp(b, b) }, -> { [a, b].sort }, -> { [a, b].max }, -> { [a, b].minmax }, -> { (a..b).include?(a) }, -> { a.between?(b, b) }, -> { [a, b].sort_by { |y| y } }, -> { [a, b].min(1) }].map { |f| begin; f.call; rescue Exception; end }
end.size
