#=> error class=SystemStackError
S = Struct.new(:inner)
s = nil
20_000.times { s = S.new(s) }
s.inspect
