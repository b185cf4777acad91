#=> exit killed
#! timeout=50 grace=10
# Each level tries again three times: 3 to the power of the depth.
def deeper(n)
  deeper(n + 1)
rescue SystemStackError
  deeper(n + 1)
ensure
  deeper(n + 1)
end
deeper(0)
