#=> ok
names = JSON.constants
names.each { |name| JSON.send(:remove_const, name) }
GC.start
1000.times { Class.new }
[(JSON.parse('[') rescue 'error'), (JSON.generate(0.0 / 0) rescue 'error'), JSON.generate([1, 2.5]),
 (JSON.parse('[' * 200) rescue 'error')].size
