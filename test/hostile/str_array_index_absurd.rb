#=> ok
far = [2**62, -2**62, 2**63, -2**63, 2**70, -2**70, 1e300, -1.5, nil, 'x', 0.0 / 0, -2**61]
far.map do |a|
  far.map do |b|
    x = (1..9).to_a
    [-> { x[a] }, -> { x[a, b] }, -> { x[a..b] }, -> { x.dup.slice!(a, b) }, -> { x.dup.delete_at(a) }, -> { x.first(a) }, -> { x.last(a) }, -> { x.rotate(a).size }, -> { x.values_at(a, b) }, -> { x.dig(a, b) }, -> { x.take(a) }, -> { x.drop(a) },
     -> { x.fetch(a) }, -> { x.dup.pop(a) }, -> { x.dup.shift(a) }, -> { x.each_slice(a) {} }, -> { x.each_cons(a) {} }, -> { x.flatten(a) }, -> { x.at(a) }, -> { x.min(a) }, -> { x.combination(-1) {} }, -> { x.dup.insert(a < 0 ? a : 0, 1) }].each { |f| begin; f.call; rescue Exception; end }
  end
end.size
