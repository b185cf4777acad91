#=> error | ok 1
Object.send(:remove_const, :Object)
GC.start
class Foo
end
Foo.new
1
