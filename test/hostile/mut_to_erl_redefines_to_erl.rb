#=> ok | error
class Foo
  def to_erl
    Foo.send(:undef_method, :to_erl)
    [Foo.new]
  end
end
[Foo.new, Foo.new]
