#=> memory_limit
#! timeout=30000
all = []
def deep(n) = n == 0 ? raise('x') : deep(n - 1)
loop do
  begin
    deep(100)
  rescue => e
    all << e
    e.backtrace
  end
end
