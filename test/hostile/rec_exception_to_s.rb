#=> error class=Foo
class Foo < StandardError
  def to_s = message
  def message = to_s
end
raise Foo
