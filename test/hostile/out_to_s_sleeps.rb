#=> ok nil
class Foo
  def to_s
    sleep 0.005
    'x'
  end
end
puts Foo.new, [Foo.new, Foo.new]
