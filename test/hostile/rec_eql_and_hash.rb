#=> error class=SystemStackError
class Foo
  def hash = { self => 1 }.size
  def eql?(other) = { self => 1 } == { other => 1 }
end
{ Foo.new => 1, Foo.new => 2 }
