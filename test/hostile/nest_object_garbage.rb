#=> ok 1
class Foo
  attr_accessor :inner
end
$a = nil
50_000.times { foo = Foo.new; foo.inner = $a; $a = foo }
GC.start
$a = nil
GC.start
1
