#=> ok
class Foo
  def to_ary
    $a.clear
    GC.start
    [1, 2]
  end
  def to_a = to_ary
  def to_hash = to_ary
end
[-> { $a.flatten }, -> { x, y = *$a }, -> { $a.transpose }, -> { $a.to_h }, -> { $a.zip($a) }, -> { $a.product($a) },
 -> { [1].concat($a, $a) }, -> { $a.each { |x, y| y } }, -> { $a + $a }, -> { $a.flat_map { |x| x } }].map do |f|
  $a = (1..50).map { Foo.new }
  begin
    f.call.class.to_s
  rescue Exception => e
    e.class.to_s
  end
end.size
