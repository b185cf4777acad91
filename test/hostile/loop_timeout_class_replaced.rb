#=> timeout
#! timeout=30
Erlang.send(:remove_const, :Timeout)
GC.start
2000.times { Class.new(String) }
Erlang.const_set(:Timeout, String)
loop {}
