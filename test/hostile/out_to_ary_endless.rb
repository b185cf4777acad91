#=> timeout | error | ok
#! timeout=50
class Foo
  def to_ary = [Foo.new]
end
puts Foo.new
