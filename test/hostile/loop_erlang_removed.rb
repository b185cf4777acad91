#=> timeout
#! timeout=100
Object.send(:remove_const, :Erlang)
GC.start
2000.times { Class.new }
loop {}
