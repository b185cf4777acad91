#=> ok
class Foo
  def to_int
    $a.clear
    GC.start
    1
  end
  def to_str
    $a.clear
    'z'
  end
  def to_i = to_int
end
%w[C* a*a*a* N2 U* w* x@ m].map do |template|
  $a = [Foo.new] * 10
  begin
    $a.pack(template)
  rescue Exception => e
    e.class.to_s
  end
end.size
