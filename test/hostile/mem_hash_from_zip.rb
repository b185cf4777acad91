#=> memory_limit
#! timeout=30000
a = (1..400_000).to_a
a.zip(a).to_h.invert
