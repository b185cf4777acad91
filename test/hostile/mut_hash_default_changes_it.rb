#=> ok
h = Hash.new { |hash, key| hash.clear; GC.start; 100.times { |n| hash[n] = 1 }; hash.delete(key); 1 }
[h[1], h[1000], h.fetch(2) { h.clear }, h.dig(5), h.values_at(6, 7), h.to_a.size].size
