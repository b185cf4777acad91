#=> error class=RuntimeError
class Exception
  def backtrace = [1, nil, self, [backtrace_size = 2]]
end
raise 'x'
