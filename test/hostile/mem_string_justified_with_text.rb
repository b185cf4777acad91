#=> memory_limit
#! timeout=30000
'x'.rjust(50_000_000, 'ab').size
