#=> ok
class Foo
  def to_s
    $args.clear
    GC.start
    'x' * 1000
  end
  def inspect = to_s
  def to_i
    $args.clear
    GC.start
    5
  end
  def to_int = to_i
  def to_f = to_i.to_f
  def to_str = to_s
end
['%s %s %s', '%p %p', '%d %d', '%f %x', '%*d', '%c%c', '%-*s|', '%.*s'].map do |format|
  $args = [Foo.new] * 3
  begin
    format % $args
  rescue Exception
  end
end.size
