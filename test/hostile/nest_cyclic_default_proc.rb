#=> ok 2
# The Hash's block holds the Hash; the collector must find an end.
h = Hash.new { |hash, key| hash[key] = [h, hash] }
h[1]
h = nil
GC.start
h = Hash.new { 2 }
h[0]
