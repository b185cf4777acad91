#=> ok
class Foo
  def hash
    $a.clear
    GC.start
    5
  end
  def eql?(other)
    $a.clear
    true
  end
end
%i[uniq hash tally to_set compact].map do |m|
  $a = (1..100).map { Foo.new }
  begin
    $a.send(m).class.to_s
  rescue Exception => e
    e.class.to_s
  end
end
