#=> error class=SystemStackError | ok
s = Set.new
s << s
[s.inspect.size, s == s.dup, s.hash].size
