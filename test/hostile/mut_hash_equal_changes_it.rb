#=> ok | error class=RuntimeError
class Foo
  def ==(other)
    $h.clear
    $g.clear
    GC.start
    true
  end
end
$h = (1..50).map { |n| [n, Foo.new] }.to_h
$g = (1..50).map { |n| [n, Foo.new] }.to_h
[$h == $g, $h.eql?($g), $h.merge($g), $h >= $g].size
