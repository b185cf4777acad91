#=> memory_limit | error
#! timeout=30000
sprintf('%.1000000000x', 255)
