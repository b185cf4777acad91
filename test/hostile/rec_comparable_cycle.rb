#=> error class=SystemStackError
# a is compared by asking b, b by asking a.
class Foo
  include Comparable
  attr_accessor :other
  def <=>(x) = other <=> self
end
a = Foo.new
b = Foo.new
a.other = b
b.other = a
[a, b].sort
