#=> ok
class Foo
  def to_int
    $a.clear
    GC.start
    90
  end
end
[[:[], 2], [:[]=, 3], [:first, 1], [:last, 1], [:fill, 3], [:insert, 2], [:*, 1], [:rotate, 1], [:sample, 1], [:at, 1],
 [:delete_at, 1], [:slice!, 2], [:values_at, 3], [:pop, 1], [:shift, 1], [:flatten, 1], [:cycle, 1], [:take, 1], [:drop, 1],
 [:combination, 1], [:dig, 1], [:fetch, 1], [:each_slice, 1]].map do |m, n|
  $a = (1..100).to_a
  begin
    $a.send(m, *([Foo.new] * n)) { break }
  rescue Exception
  end
end.size
