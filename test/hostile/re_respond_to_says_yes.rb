#=> error
class BasicObject
  def respond_to?(*) = true
end
class Foo; end
[Foo.new, { Foo.new => 1 }]
