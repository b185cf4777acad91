#=> ok <<>>
s = 'x' * 1000
s.replace(s)
s << s
s.concat(s, s)
s.insert(0, s)
s.sub!('x', s)
s.gsub!('xx', s[0, 3])
s.tr!(s[0, 5], s[0, 1])
s[0, 2] = s
s * 0
