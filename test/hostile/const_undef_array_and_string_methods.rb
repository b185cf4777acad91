#=> ok | error
#! next=any
[Array, String, Hash, Integer, Symbol].each do |c|
  c.instance_methods(false).each { |name| c.send(:undef_method, name) unless %i[each].include?(name) } rescue 0
end
puts [1, 'a', { b: 1 }]
[1, 'a', { 1 => 2 }]
