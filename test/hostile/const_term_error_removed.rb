#=> error
Erlang.send(:remove_const, :TermError)
GC.start
2000.times { Class.new }
(1..3)
