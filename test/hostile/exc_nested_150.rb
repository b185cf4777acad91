#=> error class=RuntimeError | error class=SystemStackError
def nested(n)
  raise 'a' if n == 0
  begin
    nested(n - 1)
  rescue => e
    raise 'b'
  ensure
    n
  end
end
nested(150)
