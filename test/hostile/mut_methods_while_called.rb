#=> ok
class Foo
  def a
    Foo.send(:remove_method, :a)
    Foo.send(:define_method, :a) { 2 }
    GC.start
    1
  end
end
x = Foo.new
[x.a, x.a, (Foo.send(:undef_method, :a); (x.a rescue 3))]
