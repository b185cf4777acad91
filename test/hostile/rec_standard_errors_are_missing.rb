#=> exit stack_overflow
%i[StandardError RuntimeError NameError NoMethodError TypeError ArgumentError].each do |name|
  Object.send(:remove_const, name)
end
nil + 1
