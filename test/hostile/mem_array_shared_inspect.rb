#=> memory_limit
#! timeout=30000
a = ['some text'] * 10
8.times { a = [a] * 10 }
a.inspect
