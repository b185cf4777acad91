#=> ok 1 | error
#! next=any
m = 'abc'.match(/b/)
Object.send(:remove_const, :MatchData)
Object.send(:remove_const, :RegexpError)
Object.send(:remove_const, :Regexp)
GC.start
'abc'.sub('b') { $~[0] * 2 }
m.regexp =~ 'xb'
begin
  m.regexp.class.new('(')
rescue StandardError => e
  e.class
end
m.regexp.class.union('a', 'b') =~ 'b'
1
