#=> ok | error class=Erlang::TermError
class Foo
  def to_erl
    $text.replace('y')
    GC.start
    $text
  end
end
$text = 'x' * 100_000
[$text, Foo.new, $text]
