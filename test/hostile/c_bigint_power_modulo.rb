#=> timeout | exit killed | ok
#! timeout=50 grace=3
(2**5000).pow(2**5000, 3**3000)
1
