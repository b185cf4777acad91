#=> ok 1 | error
#! next=any
ObjectSpace.each_object(Proc) do |f|
  begin
    f.inspect
    f.parameters
    f.arity
    f.curry
    b = f.binding
    b.local_variables.each { |name| b.local_variable_set(name, 5) }
    b.local_variable_set(:added, 1)
  rescue Exception
  end
end
GC.start
1
