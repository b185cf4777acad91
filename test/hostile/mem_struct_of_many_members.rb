#=> ok 3001 | error | memory_limit | timeout
Struct.new(*(0..3000).map { |n| :"member#{n}" }).new(*(0..3000).to_a).to_a.size
