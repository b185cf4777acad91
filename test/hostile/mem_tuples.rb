#=> memory_limit
#! timeout=30000
all = []
loop { all << Erlang::Tuple[*([1] * 1000)] }
