#=> ok 1 | memory_limit
#! timeout=20000
begin
  Regexp.new('a|' * 200_000 + 'b') =~ 'xyz' * 10
  Regexp.new((0..20_000).map { |i| "w#{i}" }.join('|')) =~ 'w19999x'
  Regexp.new('(a)|' * 30_000 + 'b') =~ 'x'
rescue RegexpError
end
1
