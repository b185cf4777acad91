#=> timeout
#! timeout=50
class Exception
  def initialize(*) = loop {}
end
raise 'x'
