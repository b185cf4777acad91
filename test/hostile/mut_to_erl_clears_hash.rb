#=> ok | error class=Erlang::TermError
class Foo
  def to_erl
    $h.clear
    GC.start
    1
  end
end
$h = { 1 => Foo.new, 2 => Foo.new, 3 => 'x' }
$h
