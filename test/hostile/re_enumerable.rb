#=> ok | error
module Enumerable
  def map = nil
  def each_with_index = raise('x')
  def sort = self
  def to_a = nil
end
puts (1..3)
[(1..3).to_a, Erlang::Tuple[1].map { 1 }]
