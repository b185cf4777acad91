#=> ok | error class=RuntimeError
class Foo
  def hash = 1
  def eql?(other)
    $h.clear
    GC.start
    true
  end
end
$h = {}
50.times { $h[Foo.new] = 1 }
$h[Foo.new]
$h.delete(Foo.new)
$h.size
