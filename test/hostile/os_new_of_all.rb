#=> ok 1
ObjectSpace.each_object(Class) do |c|
  begin
    o = c.new
    o.inspect
    o.to_s
    o.hash
    o.dup
  rescue Exception
  end
end
1
