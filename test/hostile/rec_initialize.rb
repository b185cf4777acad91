#=> error class=SystemStackError
class Foo
  def initialize = Foo.new
end
Foo.new
