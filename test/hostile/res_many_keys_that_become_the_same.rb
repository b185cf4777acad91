#=> error class=Erlang::TermError
class Foo
  def to_erl = [1, 'x' * 100]
end
(1..2000).map { |n| [Foo.new, n] }.to_h
