#=> ok
class Foo
  def ==(other)
    $a.clear
    $b.clear
    GC.start
    true
  end
end
$a = (1..100).map { Foo.new }
$b = (1..100).map { Foo.new }
[$a == $b, ($a <=> $b), $a.size].size
