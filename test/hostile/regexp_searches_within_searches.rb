#=> ok 1
depth = 0
f = lambda do |s|
  depth += 1
  return s if depth > 12
  s.gsub(/(.)(.)?/) { f.call($1.to_s * 3); "#{$~ && $~[0]}#{$2}" }
end
f.call('abcdef')
'abc'.scan(/./) { 'xyz'.scan(/(.)/) { 'q'.sub(/q/) { $~ = nil; 'r' } } }
'abc'.gsub(/b/) { break }
'abc'.gsub(/b/) { $~ = nil; GC.start; 'x' }
begin
  'abc'.scan(/b/) { raise 'x' }
rescue RuntimeError
end
catch(:x) { 'abcb'.gsub(/b/) { throw :x } }
'abc' =~ /(b)/
$1 == 'b' or raise
1
