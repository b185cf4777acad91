#=> ok
class Foo
  def ==(other)
    $a.clear
    GC.start
    false
  end
  def eql?(other) = self == other
end
[[:==, [1] * 100], [:index, 5], [:rindex, 5], [:include?, 5], [:delete, 5], [:count, 5], [:-, [1]], [:eql?, [1] * 100],
 [:assoc, 1], [:rassoc, 1], [:&, [1]], [:|, [1]], [:<=>, [1] * 100], [:difference, [1]], [:union, [1]], [:delete_at, 3]].map do |m, x|
  $a = (1..100).map { Foo.new }
  begin
    $a.send(m, x).class.to_s
  rescue Exception => e
    e.class.to_s
  end
end
