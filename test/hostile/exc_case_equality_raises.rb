#=> error class=RuntimeError | ok
class Class
  def ===(other) = raise('in ===')
end
begin
  raise 'x'
rescue StandardError
end
