#=> ok 1 | error
#! next=any
n = 0
ObjectSpace.each_object(Object) do |o|
  begin
    o.define_singleton_method(:to_s) { 5 } if (n += 1) < 3000
  rescue Exception
  end
end
1
