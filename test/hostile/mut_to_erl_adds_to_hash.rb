#=> error
class Foo
  def to_erl
    100.times { |n| $h[n + rand] = Foo.new }
    1
  end
end
$h = { 1 => Foo.new, Foo.new => 2 }
$h
