#=> error class=SystemStackError
class Foo
  include Comparable
  def <=>(other) = self < other ? 1 : 0
end
Foo.new < Foo.new
