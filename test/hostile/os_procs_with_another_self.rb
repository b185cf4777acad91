#=> ok 1 | timeout
#! timeout=200 next=any
ObjectSpace.each_object(Proc) do |f|
  begin
    5.instance_exec(1, 2, 3, &f)
    Object.define_method(:borrowed, &f)
    nil.borrowed
  rescue Exception
  end
end
1
