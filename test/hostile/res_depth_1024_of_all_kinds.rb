#=> ok
#! max_depth=1024
a = 1
340.times { a = [{ 1 => Erlang::Tuple[a] }] }
a
