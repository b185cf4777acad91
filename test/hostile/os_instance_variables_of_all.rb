#=> ok 1 | error
#! next=any
ObjectSpace.each_object(BasicObject) do |o|
  begin
    o.instance_variables.each { |name| o.instance_variable_set(name, 5) }
    o.instance_variable_set(:@added, o)
  rescue Exception
  end
end
GC.start
1
