#=> ok 20000 | timeout | exit killed
#! timeout=300 grace=5
eval('%w[' + 'x ' * 20_000 + '].size')
