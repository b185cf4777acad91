#=> error
b = []
b << b
e = RuntimeError.new
e.set_backtrace(b) rescue 0
raise e
