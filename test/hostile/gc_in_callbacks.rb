#=> ok
class Foo
  def hash
    GC.start
    1
  end
  def eql?(other)
    GC.start
    false
  end
  def to_s
    GC.start
    'x'
  end
  def to_erl
    GC.start
    [to_s, { 'a' => to_s }]
  end
  def coerce(other)
    GC.start
    [1, 2]
  end
  def method_missing(*)
    GC.start
    1
  end
  def respond_to_missing?(*)
    GC.start
    true
  end
end
f = Foo.new
[{ f => 1, Foo.new => 2 }.size, "#{f}", [f, f].join, f.anything, sprintf('%s', f), f]
