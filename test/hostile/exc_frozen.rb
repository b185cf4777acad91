#=> error class=RuntimeError
raise RuntimeError.new('x').freeze
