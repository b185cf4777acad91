#=> timeout
#! timeout=30
class Foo
  def to_proc = loop {}
end
[1].map(&Foo.new)
