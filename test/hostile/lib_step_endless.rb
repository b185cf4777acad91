#=> timeout
#! timeout=50
1.step(by: 2) { |n| n }
