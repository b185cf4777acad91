#=> error | ok
begin
  raise 'x'
rescue *[StandardError, Object, Class.new]
  begin
    raise 'y'
  rescue 5, 'text', nil
    1
  end
end
