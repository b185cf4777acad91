#=> memory_limit | exit memory_limit
#! timeout=30000
def fill(a) = loop { a << 'x' * 100_000 }
def run
  a = []
  fill(a)
ensure
  fill(a)
end
run
