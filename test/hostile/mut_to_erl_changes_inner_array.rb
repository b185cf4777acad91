#=> error class=Erlang::TermError | ok
class Foo
  def to_erl
    $inner.replace([])
    $outer.shift
    GC.start
    'x' * 100
  end
end
$inner = [1, Foo.new, 2]
$outer = [0, $inner, $inner, [$inner]]
$outer
