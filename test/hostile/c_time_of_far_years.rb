#=> ok | error | timeout | exit killed
#! timeout=50 grace=3
# They are counted one by one.
[2**31 - 1, 2_147_485_547, -2**31, 2**40, 2**62].map { |year| Time.gm(year, 12, 31, 23, 59, 60) rescue 1 }.size
