#=> error class=SystemStackError
class Foo
  def to_s = sprintf('%s', self)
end
sprintf('%s', Foo.new)
