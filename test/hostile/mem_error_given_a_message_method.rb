#=> memory_limit | timeout
#! timeout=200
# The exception object is made once, so that it is there when there is no memory.
begin
  'x' * 100_000_000
rescue NoMemoryError => e
  def e.message = loop {}
  e.instance_variable_set(:@a, 'y' * 1000)
end
'x' * 100_000_000
