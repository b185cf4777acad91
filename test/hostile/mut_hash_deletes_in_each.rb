#=> ok
h = (1..1000).map { |n| [n, n] }.to_h
h.each { |key, _| h.delete(key); h[key + 1000] = 1 if key < 50; GC.start if key == 7 } rescue 0
h.size
