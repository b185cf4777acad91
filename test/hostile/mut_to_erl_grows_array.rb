#=> ok | error class=Erlang::TermError | memory_limit | timeout
#! timeout=100
class Foo
  def to_erl
    $a << Foo.new
    1
  end
end
$a = [Foo.new]
$a
