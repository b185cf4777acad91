#=> ok nil | error
class Foo
  def to_s
    $a.clear
    $b.clear
    GC.start
    'x'
  end
end
$b = [Foo.new] * 50
$a = [$b, $b, $b]
puts $a
