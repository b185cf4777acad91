#=> ok | error
class Foo
  private
  def to_erl = 1
end
Foo.new
