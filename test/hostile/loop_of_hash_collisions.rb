#=> timeout
#! timeout=100
class Foo
  def hash = 1
  def eql?(other) = false
end
h = {}
loop { h[Foo.new] = 1 }
