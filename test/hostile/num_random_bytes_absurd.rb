#=> memory_limit | error
Random.new.bytes(2**40)
