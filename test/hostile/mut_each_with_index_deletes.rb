#=> ok
a = (1..1000).to_a
a.each_with_index { |_, n| a.delete_at(n) }
a.each_with_index { a.replace([]) }
a.size
