#=> ok
class Foo
  def a = @x
end
m = Foo.new.method(:a)
u = Foo.instance_method(:a)
Foo.send(:remove_method, :a)
Object.send(:remove_const, :Foo)
GC.start
1000.times { Class.new { def a = 1 } }
GC.start
[m, u].each { |x| %i[call to_proc owner receiver name arity parameters source_location inspect hash unbind super_method dup].each { |n| begin; x.send(n); rescue Exception; end } }
[(m == m.dup), (u.bind(Object.new) rescue 1), (u.bind(m.receiver).call rescue 2)].size
