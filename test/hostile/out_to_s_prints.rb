#=> error class=SystemStackError
class Foo
  def to_s
    puts self
    'x'
  end
end
puts Foo.new
