#=> error
class Exception
  def message = 1
  def backtrace = 5
  def to_s = nil
  def inspect = nil
  def class = 7
  def full_message = []
end
raise 'x'
