#=> error
class Exception
  def message = raise(self)
  def backtrace = raise(self)
  def inspect = raise(self)
  def to_s = raise(self)
  def class = raise(self)
end
raise 'x'
