#=> error | exit stack_overflow
gc = GC
Object.constants.each do |name|
  Object.send(:remove_const, name) unless name == :Object || name == :Exception
end
gc.start
raise 'x'
