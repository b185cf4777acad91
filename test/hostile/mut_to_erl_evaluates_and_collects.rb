#=> ok
class Foo
  def to_erl
    eval('x = [1] * 1000; x.map { |y| y.to_s }')
    GC.start
    'x' * 10
  end
end
(1..200).map { Foo.new }
