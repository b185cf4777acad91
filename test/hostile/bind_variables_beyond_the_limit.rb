#=> ok
b = binding
n = 0
begin
  400.times { |i| b.local_variable_set("v#{i}", i); n += 1 }
rescue RuntimeError
end
[n, (b.eval('v0') rescue 1)]
