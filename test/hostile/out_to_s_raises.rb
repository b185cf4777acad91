#=> error class=RuntimeError
class Foo
  def to_s = raise('x')
end
puts 'before', Foo.new, 'after'
