#=> error | exit stack_overflow
Object.constants.each do |name|
  begin
    Object.send(:remove_const, name)
  rescue Exception
  end
end
1.foo
