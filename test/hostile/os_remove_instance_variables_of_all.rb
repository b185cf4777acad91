#=> ok 1 | error | exit stack_overflow | exit aborted
#! next=any
ObjectSpace.each_object(BasicObject) do |o|
  begin
    o.instance_variables.each { |name| o.remove_instance_variable(name) }
  rescue Exception
  end
end
GC.start
1
