#=> ok | error class=RuntimeError
class Foo
  def inspect
    $h.clear
    GC.start
    'x'
  end
end
$h = { Foo.new => Foo.new, 1 => Foo.new, 2 => 3 }
$h.inspect
