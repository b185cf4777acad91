#=> ok | error
s = "\u00e9\xff"
[(s.force_encoding('BINARY').size rescue 1), (s.force_encoding("\0") rescue 2), (s.encode('UTF-16') rescue 3), (s.force_encoding(nil) rescue 4), s]
