#=> ok
class Array
  alias_method :each_before, :each
end
r = [1, 2, 3].each { |x| Array.send(:define_method, :each) { |&b| 5 }; GC.start }
Array.send(:alias_method, :each, :each_before)
r
