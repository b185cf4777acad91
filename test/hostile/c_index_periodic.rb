#=> timeout | exit killed | ok
#! timeout=50 grace=3
('ab' * 500_000).index('ab' * 250_000 + 'aa')
