#=> ok 10 | timeout
#! timeout=100
[-1, 0.0 / 0, 'x', nil, -0.0, 1e-300, 2**70, [], Object.new, -1e400].count { |t| (sleep(t) rescue 1) }
