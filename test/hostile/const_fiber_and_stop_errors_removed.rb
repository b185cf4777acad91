#=> error | ok | exit stack_overflow
%i[FiberError StopIteration LocalJumpError].each { |name| Object.send(:remove_const, name) }
GC.start
e = [1].each
e.next
e.next
