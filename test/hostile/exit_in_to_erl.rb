#=> exit 4
class Foo
  def to_erl = exit(4)
end
Foo.new
