#=> error
('x' * 70_000).to_sym
