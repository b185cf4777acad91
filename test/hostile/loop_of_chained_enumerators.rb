#=> timeout
#! timeout=30
e = [1].each + [2].each
25.times { e = e + e }
e.each {}
