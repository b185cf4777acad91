#=> ok
s = 'aaaa' * 100
s.sub!('a') { s.replace('zz'); GC.start; 'b' * 10_000 }
s.gsub!('b') { s << 'b'; 'c' } rescue 0
s.size
