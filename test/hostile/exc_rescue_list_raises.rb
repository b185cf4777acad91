#=> error
begin
  raise 'x'
rescue (raise 'y')
end
