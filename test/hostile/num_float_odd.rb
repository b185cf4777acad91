#=> ok
nan = 0.0 / 0
inf = 1e400
[nan, inf, -inf, -0.0, 5e-324, 1.7976931348623157e308].map do |f|
  %i[to_s inspect to_i round floor ceil truncate hash abs nan? infinite? to_r rationalize divmod succ next_float prev_float].map { |m| begin; f.send(m); rescue Exception; end }
  [[:round, 2**40], [:round, -400], [:floor, -(2**62)], [:ceil, 5000], [:to_s, 2**40], [:%, 1], [:<=>, nan], [:==, nan], [:**, inf], [:divmod, nan], [:<<, 3], [:&, 1]].map { |m, x| begin; f.send(m, x); rescue Exception; end }
end.size
