#=> error
class Foo < StandardError
  def exception(*) = nil
end
raise Foo.new
