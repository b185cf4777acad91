#=> ok
['a-z', 'z-a', '^', '^a-', '-', 'a-', '-a', '\\', "\0-\xff", "\u0100-\u{10ffff}", 'a' * 70_000, '^' * 100, "a-\u00e9", '', "\xff-\x00", 'a-b-c', '\\-z'].map do |from|
  ['', 'x', 'a-z', '^x', "\u00e9", "\xff", 'z-a', '-' * 10].map do |to|
    %i[tr tr_s].each { |m| begin; "hello\0\xff\u00e9-^\\".send(m, from, to); rescue Exception; end }
    %i[delete count squeeze].each { |m| begin; "hello\0\xff\u00e9-^\\".send(m, from); rescue Exception; end }
  end
end.size
