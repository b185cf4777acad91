#=> error
raise Object.const_set('A' * 60_000, Class.new(StandardError))
