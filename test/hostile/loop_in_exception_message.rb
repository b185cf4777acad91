#=> timeout
#! timeout=30
class Foo < StandardError
  def message = loop {}
end
raise Foo
