#=> error class=Erlang::TermError
class Foo
  def to_erl
    $a.clear
    GC.start
    1
  end
end
$a = (1..100).map { Foo.new }
$a
