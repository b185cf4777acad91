#=> timeout
#! timeout=30
e = Enumerator.new { |y| loop { y << 1 } }
loop { e.next }
