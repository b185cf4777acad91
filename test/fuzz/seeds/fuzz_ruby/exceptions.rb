def f(n)
  yield n
rescue ArgumentError, TypeError => e
  retry if (n += 1) < 3
  raise e.class, "again"
else
  n
ensure
  $x = n
end
begin
  f(0) { |n| raise ArgumentError, "a" }
rescue => e
  [e.message, e.backtrace, catch(:t) { throw :t, 5 }]
end
