#=> timeout
#! timeout=30
class Foo
  def hash = loop {}
end
# A Hash of a few keys asks for no hash.
h = (1..20).map { |n| [n, n] }.to_h
h[Foo.new] = 1
