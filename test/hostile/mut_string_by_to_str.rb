#=> ok
class Foo
  def to_str
    $s.replace('q')
    GC.start
    'ab'
  end
  def to_s = to_str
  def to_int
    $s.replace('q')
    GC.start
    5
  end
end
[[:+, 1], [:<<, 1], [:insert, 2], [:index, 1], [:include?, 1], [:==, 1], [:<=>, 1], [:tr, 2], [:sub, 2], [:[], 1], [:[]=, 2],
 [:*, 1], [:ljust, 2], [:center, 2], [:start_with?, 1], [:concat, 1], [:replace, 1], [:%, 1], [:split, 1], [:delete, 1],
 [:count, 1], [:setbyte, 2], [:byteslice, 2], [:unpack, 1], [:to_i, 1], [:slice!, 1], [:squeeze, 1], [:upto, 1], [:casecmp, 1]].map do |m, n|
  $s = 'abcdefghij' * 1000
  begin
    m == :upto ? $s.upto(Foo.new) { break } : $s.send(m, *([Foo.new] * n))
  rescue Exception
  end
end.size
