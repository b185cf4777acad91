#=> memory_limit
#! timeout=30000
begin
  'x' * (2**40)
rescue NoMemoryError => e
  e.freeze
end
'x' * (2**40)
