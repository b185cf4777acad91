#=> memory_limit | error
#! timeout=30000
[1].pack('@2147483647C')
