#=> error class=Erlang::TermError
all = []
ObjectSpace.each_object(BasicObject) { |o| all << o }
all
