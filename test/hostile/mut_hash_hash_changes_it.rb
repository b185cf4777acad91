#=> ok | error class=RuntimeError
class Foo
  def hash
    $h[rand] = 1
    1
  end
  def eql?(other)
    $h[rand] = 2
    false
  end
end
$h = {}
100.times { $h[Foo.new] = 1 }
$h.rehash
$h.size
