#=> ok 1
s = 'abcabc' * 100
s.gsub!(/b/) { s.clear; GC.start; 'x' * 1000 }
s = 'abcabc' * 100
s.scan(/b(c)?/) { s << 'b' if s.size < 5000; s.replace('q' * 3); GC.start }
s = 'abc' * 100
s.sub(/b/) { s.replace(''); GC.start; $~.string + $`.to_s + $' }
s = 'a,b' * 100
s.split(/,/) { s.clear; GC.start }
s = 'abc' * 100
m = s.match(/b/)
s.clear
GC.start
s << 'zzzz' * 100
m.pre_match + m.post_match + m[0] + $~.string
h = Hash.new { |hash, key| s.clear; GC.start; hash.clear; 'y' }
s = 'abc' * 100
s.gsub(/[ab]/, h)
pattern = Regexp.new('b')
'abc'.gsub(pattern) { pattern.send(:initialize, 'x') rescue 0; pattern = nil; GC.start; 'xabc' =~ /(a)(b)(c)/; 'z' }
1
