#=> error
%i[NameError NoMethodError TypeError SyntaxError].each do |name|
  Object.send(:remove_const, name)
  Object.const_set(name, String)
end
nil.foo
