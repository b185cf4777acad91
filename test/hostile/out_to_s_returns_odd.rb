#=> ok 1 | error
class Foo
  def initialize(x) = @x = x
  def to_s = @x
  def inspect = @x
end
[nil, 5, :a, [], Object.new, "\0\xff", 'x' * 10_000].each do |x|
  [-> { puts Foo.new(x) }, -> { print Foo.new(x) }, -> { p Foo.new(x) }, -> { warn Foo.new(x) }, -> { puts [Foo.new(x)] }, -> { $stdout.write(Foo.new(x)) }, -> { $stdout << Foo.new(x) }, -> { putc Foo.new(x) },
   -> { printf('%s %p', Foo.new(x), Foo.new(x)) }, -> { "#{Foo.new(x)}" }, -> { [Foo.new(x)].join }].each { |f| begin; f.call; rescue Exception; end }
end
1
