#=> timeout
#! timeout=30
class String
  def method_missing(*) = loop {}
end
'x'.anything
