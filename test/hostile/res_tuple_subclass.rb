#=> error | ok
class MyTuple < Erlang::Tuple; end
[(MyTuple[1, 2] rescue 1), (MyTuple.allocate rescue 2), (MyTuple.new rescue 3)]
