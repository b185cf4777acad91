#=> error class=SystemStackError
class Foo
  def to_s = "#{self}"
end
"#{Foo.new}"
