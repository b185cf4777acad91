#=> ok | error class=NoMethodError
s = 'abab' * 100
s.scan('a') { s.clear; GC.start }
s.size
