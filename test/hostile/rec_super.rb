#=> error class=SystemStackError
class Foo
  def deeper = nil
end
class Bar < Foo
  def deeper
    super
    Bar.new.deeper
  end
end
Bar.new.deeper
