#=> ok
s = 'abcabc' * 100
s.gsub!('b') { s.clear; GC.start; 'x' * 1000 }
s.size
