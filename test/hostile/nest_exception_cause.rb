#=> error
e = nil
5_000.times do |n|
  begin
    begin
      raise e || 'first'
    rescue => inner
      raise RuntimeError, inner.message + 'x'
    end
  rescue => outer
    e = outer
  end
end
raise e
