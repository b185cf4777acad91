#=> error | exit stack_overflow | exit aborted
%i[NameError NoMethodError TypeError ArgumentError SyntaxError].each do |name|
  Object.send(:remove_const, name)
  Object.const_set(name, 5)
end
nil.foo
