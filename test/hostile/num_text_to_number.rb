#=> ok
['', '-', '0x', '0b2', '_', '1__2', '1e', '1e999', '-1e-999', '0' * 1000, "1\0002", ' ' * 10_000 + '1', '9' * 500, 'NaN', 'Infinity', '.5', '5.', '+-1', '0o8', 'z' * 100].map do |s|
  [-> { s.to_i }, -> { s.to_f }, -> { s.to_i(36) }, -> { s.to_i(2**40) }, -> { s.to_i(-1) }, -> { Integer(s) }, -> { Float(s) }, -> { s.hex }, -> { s.oct }, -> { Integer(s, 7) },
   -> { s.to_r }, -> { s.to_c }].map { |f| begin; f.call; rescue Exception; end }
end.size
