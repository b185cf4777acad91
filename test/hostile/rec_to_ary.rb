#=> error
class Foo
  def to_ary = [*self].flatten
  def to_a = [*self]
end
a, b = *Foo.new
