#=> error
r = (1..2)
20_000.times { r = Range.new(r, r) }
r.inspect
