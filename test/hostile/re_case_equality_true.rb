#=> timeout | exit killed
#! timeout=30 grace=10
class Module
  def ===(other) = true
end
begin
  loop {}
rescue
  loop {}
end
