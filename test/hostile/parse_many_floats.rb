#=> ok 20000 | error | timeout | exit killed
#! timeout=300 grace=5
eval('[' + '1.5,' * 20_000 + '].size')
