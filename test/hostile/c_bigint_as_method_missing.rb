#=> timeout | exit killed | memory_limit
#! timeout=50 grace=3
# The message of the error holds the text of the number.
raise "#{1 << 8_000_000}"
