#=> ok
class Foo
  def initialize(x) = @x = x
  def to_proc = @x
end
[nil, 5, :size, self, [], Object.new, proc { 1 }].map { |x| begin; [1].map(&Foo.new(x)); rescue Exception; end }.size
