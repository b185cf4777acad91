#=> ok
loop { raise StopIteration }
