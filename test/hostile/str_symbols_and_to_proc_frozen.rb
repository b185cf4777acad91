#=> ok
[:a.to_s << 'b', :a.to_proc.call('x') ] rescue [1].size
