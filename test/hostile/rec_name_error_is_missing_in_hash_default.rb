#=> exit stack_overflow | error class=SystemStackError
# The same, when half of the stack is in use already.
Object.send(:remove_const, :NameError)
hash = Hash.new { |h, key| key > 300 ? Foo : h[key + 1] }
hash[0]
