#=> ok
[ -> { (1..10**18).include?(5) }, -> { (1.0..2.0).to_a }, -> { (nil..nil).to_a }, -> { (1..2).step(0) {} }, -> { Range.allocate.to_s }, -> { Range.allocate.each {} },
 -> { Range.allocate.hash }, -> { Range.allocate == (1..2) }, -> { (1..5).send(:initialize, 1, 2) }, -> { Range.new(Object.new, 1) }, -> { ('a'..nil).first(3) }, -> { (1..).first(3) }, -> { (1...-2**62).to_a },
 -> { [1, 2, 3][(2**62)..] }, -> { 'abc'[-2**62..2**62] }, -> { (0..2**60).bsearch { |x| x >= 5 } }, -> { (1..1e400).size }, -> { ((0.0 / 0)..1).size }, -> { (1..3) % 0 }].map do |f|
  begin
    f.call
  rescue Exception
  end
end.size
