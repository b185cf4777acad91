#=> error
class Foo
  def to_erl(a, b) = 1
end
Foo.new
