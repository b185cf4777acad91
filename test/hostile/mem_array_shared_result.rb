#=> memory_limit | timeout | error
# Small in Ruby; Erlang's terms share nothing.
a = [1] * 10
8.times { a = [a] * 10 }
a
