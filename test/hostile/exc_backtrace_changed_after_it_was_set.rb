#=> error
b = ['a', 'b']
e = RuntimeError.new
e.set_backtrace(b)
b.clear
b << 1 << nil << b
raise e
