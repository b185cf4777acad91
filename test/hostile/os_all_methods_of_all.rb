#=> any | timeout | exit killed | exit memory_limit | exit stack_overflow | error
#! timeout=200 grace=10 next=any
ObjectSpace.each_object(Object) do |o|
  begin
    o.methods.each { |m| begin; o.__send__(m) unless %i[exit exit! abort sleep loop].include?(m); rescue Exception; end }
  rescue Exception
  end
end
1
