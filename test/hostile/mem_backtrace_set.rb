#=> error class=RuntimeError | memory_limit
#! timeout=30000
e = RuntimeError.new
e.set_backtrace(['x'] * 500_000)
raise e
