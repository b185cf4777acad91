#=> ok 1 | error
#! next=any
ObjectSpace.each_object(Class) do |c|
  begin
    c.instance_methods(false).each { |name| c.send(:undef_method, name) unless name == :each }
  rescue Exception
  end
end
1
