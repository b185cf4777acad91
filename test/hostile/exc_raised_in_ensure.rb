#=> error class=RuntimeError
begin
  begin
    raise 'a'
  ensure
    raise 'b'
  end
ensure
  raise 'c'
end
