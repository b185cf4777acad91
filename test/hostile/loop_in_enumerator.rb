#=> timeout
#! timeout=30
Enumerator.new { |y| loop {} }.next
