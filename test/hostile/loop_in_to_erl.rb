#=> timeout
#! timeout=30
class Foo
  def to_erl = loop {}
end
[Foo.new]
