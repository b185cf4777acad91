#=> ok [[1,2],[1,2],0,'RangeError','RangeError','RangeError','RangeError','RangeError']
# Adding 1.0 to 2.0**53 changes nothing: it was counted to the end for ever, into an array made for three.
[-> { (1..2.5).to_a }, -> { (1...3.0).to_a }, -> { (1..0.5).to_a.size }, -> { (2**53 + 1..2.0**53 + 2).to_a },
 -> { (-2**53 - 1..-(2.0**53)).to_a }, -> { (2**62 + 255..2.0**62 + 512).to_a }, -> { (1..1e300).to_a },
 -> { (1..0.0 / 0).to_a }].map do |make|
  begin
    make.call
  rescue RangeError => e
    e.class.to_s.to_sym
  end
end
