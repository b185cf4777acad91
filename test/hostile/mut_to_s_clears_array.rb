#=> ok
class Foo
  def to_s
    $a.clear
    GC.start
    'x' * 1000
  end
  def inspect = to_s
end
$a = []
[-> { $a.join }, -> { $a.join(Foo.new) }, -> { $a.inspect }, -> { puts $a }, -> { p $a }, -> { print(*$a) },
 -> { "#{$a}" }, -> { '%s %s %s' % $a }, -> { $a.to_s }, -> { warn(*$a) }, -> { $stdout.write(*$a) }].map do |f|
  $a = (1..100).map { Foo.new }
  begin
    f.call.class.to_s
  rescue Exception => e
    e.class.to_s
  end
end.size
