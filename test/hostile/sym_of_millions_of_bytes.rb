#=> error | ok
('x' * 5_000_000).to_sym.size
