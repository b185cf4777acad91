#=> ok
a = [1, 2, 3, 4, 5, 6]
a.slice_when { |x, y| a.clear if x == 3; x > y }.to_a
b = [3, 1, 2]
b.chunk_while { |x, y| b.push(1) if b.size < 50; GC.start; true }.to_a
c = [1, 2, 3]
c.chunk { |x| c.replace([9] * 100) if c.size < 100; x }.to_a
d = %w[a b c]
d.max_by { |x| d.shift; x }
d.sort_by! { |x| d.clear; 1 }
e = [1, 2]
e.sum { |x| e.clear; x }
h = { a: 1 }
h.fetch(:b) { h.clear; h.rassoc(1) }
s = Set[1, 2, 3]
(s.hash rescue 0)
s.each { |x| s.delete(x); s.hash }
lines = "a\nb\nc"
lines.each_line(chomp: true) { |line| lines.replace('') }
