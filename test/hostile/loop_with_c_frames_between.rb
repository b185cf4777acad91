#=> timeout
#! timeout=30
[2, 1].sort { Hash.new { [1].map { loop {} } }[0] }
