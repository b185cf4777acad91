#=> error class=RuntimeError
$e = RuntimeError.new('x')
def deep(n)
  raise $e if n == 0
  begin
    deep(n - 1)
  rescue => e
    raise e
  end
end
50.times { deep(100) rescue 1 }
raise $e
