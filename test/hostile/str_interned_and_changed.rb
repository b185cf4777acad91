#=> ok <<"abc">>
s = 'abc'
sym = s.to_sym
s.replace('xyz' * 1000)
s = nil
GC.start
sym.to_s
