#=> exit 0
begin
  exit 3
rescue SystemExit => e
  e.instance_variable_set(:@status, 'three')
  raise e
end
