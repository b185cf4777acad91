#=> ok
far = [2**62, -2**62, 2**63, -2**63, 2**70, -2**70, 1e300, -1.5, nil, 'x', 0.0 / 0]
far.map do |a|
  far.map do |b|
    s = 'abc' * 3
    [-> { s[a, b] }, -> { s[a..b] }, -> { s.dup.slice!(a, b) }, -> { s.byteslice(a, b) }, -> { s.dup[a, b] = 'x' }, -> { s.dup.insert(a, 'x') }, -> { s.dup.setbyte(a, b) }, -> { s.index('a', a) }, -> { s.rindex('a', a) }, -> { s.byteindex('a', a) },
     -> { s.getbyte(a) }, -> { s.to_i(a) }, -> { s.ljust(a < 0 ? a : -1, 'x') }, -> { s.sum(a) }, -> { s.bytesplice(a, b, 'x') }, -> { s.split('a', a) }, -> { s.each_line(a) {} }].each { |f| begin; f.call; rescue Exception; end }
  end
end.size
