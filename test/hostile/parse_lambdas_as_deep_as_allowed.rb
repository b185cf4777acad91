#=> ok 1 | error
eval('->{' * 250 + '1' + '}.call' * 250)
