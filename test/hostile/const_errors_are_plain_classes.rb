#=> error
%i[NameError NoMethodError TypeError ArgumentError SyntaxError RangeError IndexError FrozenError].each do |name|
  Object.send(:remove_const, name)
  Object.const_set(name, Class.new)
end
nil.foo
