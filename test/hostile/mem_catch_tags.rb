#=> memory_limit | timeout
#! timeout=500
all = []
loop { catch { |tag| all << tag << 'x' * 1000 } }
