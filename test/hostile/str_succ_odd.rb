#=> ok
['', 'z', 'Zz', 'zz99', "\xff", "\xff\xff", '-', '<<koala>>', '***', "\0", "\u00e9", 'a' * 1000, '1.9.9', 'Zz9'].map { |s| t = s.succ; t.next!; t.upto(s) { break }; t.size }.size
