#=> error | exit stack_overflow
Object.send(:remove_const, :SystemStackError)
GC.start
def deeper = deeper
deeper
