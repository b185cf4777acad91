#=> ok
class Foo
  def to_erl
    GC.start
    [['x' * 100] * 10, { 'k' => 'y' * 100 }]
  end
end
a = Foo.new
100.times { a = [a, Foo.new] }
a
