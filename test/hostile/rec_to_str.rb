#=> error
class Foo
  def to_str = 'a' + self
end
'a' + Foo.new
