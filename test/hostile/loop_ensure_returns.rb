#=> exit killed | timeout
#! timeout=30 grace=10
def once
  loop {}
ensure
  return 1
end
once while true
