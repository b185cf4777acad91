#=> exit 4
class Foo
  def to_s = exit(4)
end
puts Foo.new
