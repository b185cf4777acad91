#=> ok 1
ObjectSpace.each_object(BasicObject) do |o|
  begin
    o.inspect
    o.to_s
    o.hash
    o == o
    o.eql?(o)
    o <=> o
  rescue Exception
  end
end
1
