#=> timeout
#! timeout=100
s = Set.new((1..20_000).to_a)
loop { (s | s).subset?(s & s) }
