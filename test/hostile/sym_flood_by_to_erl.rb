#=> error class=Erlang::TermError
#! max_atoms=0
class Foo
  def initialize(n) = @n = n
  def to_erl = "an_atom_of_to_erl_#{@n}".to_sym
end
(1..5000).map { |n| Foo.new(n) }
