#=> ok
[(0..255).map { |n| n.chr }.join, (0..255).to_a.pack('C*'), "\u0000\u{10ffff}"]
