#=> error
e = RuntimeError.new
[5, [5], [nil, 'x', 5], { 1 => 2 }, [[]], ['x' * 100_000] * 5].each { |b| e.set_backtrace(b) rescue 0 }
raise e
