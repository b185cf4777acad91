#=> exit killed
#! timeout=30 grace=10
def again
  loop {}
ensure
  again
end
again
