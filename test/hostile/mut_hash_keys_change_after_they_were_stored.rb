#=> ok
keys = (1..100).map { |n| [n] }
h = keys.map { |k| [k, 1] }.to_h
keys.each(&:clear)
h.rehash
keys.each { |k| k << keys }
[h.size, h.delete([1]), h.key?([])].size
