#=> error
class Exception
  def self.new(*) = 5
  def self.exception(*) = 6
end
raise 'x'
