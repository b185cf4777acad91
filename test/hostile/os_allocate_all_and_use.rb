#=> any | timeout | exit killed | exit memory_limit | exit stack_overflow | error
#! timeout=300 grace=10 next=any
# Objects whose initialize never ran, asked for all that they can do.
ObjectSpace.each_object(Class) do |c|
  begin
    o = c.allocate
    o.methods.each do |m|
      next if %i[each loop cycle exit exit! abort sleep].include?(m)
      [[], [1], [o], ['x', 1], [nil, nil, nil]].each do |args|
        begin
          o.__send__(m, *args)
        rescue Exception
        end
      end
      begin
        o.__send__(m, o) { 1 }
      rescue Exception
      end
    end
  rescue Exception
  end
end
1
