#=> exit 2 | error
Object.send(:remove_const, :SystemExit)
GC.start
2000.times { Class.new }
exit 2
