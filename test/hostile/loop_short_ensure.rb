#=> timeout
#! timeout=30 grace=1000
begin
  loop {}
ensure
  x = 0
  1000.times { x += 1 }
end
