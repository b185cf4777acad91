#=> ok
tried = 0
["\xff", "\xc3", "a\xe2\x82", "\xf0\x9f\x98", "\x80" * 100, "\u00e9\xff\u00e9", "\xed\xa0\x80", "\0\xff\0"].each do |text|
  %i[size inspect dump upcase downcase capitalize swapcase succ hash to_sym to_i to_f ord bytes codepoints lines squeeze
     strip chomp valid_encoding? unicode_normalize hex oct to_r to_c each_char scrub encoding force_encoding getbyte].each do |m|
    begin
      text.dup.send(m)
    rescue Exception
    end
    tried += 1
  end
  [[:[], 1], [:[], 0, 5], [:rindex, "\x82"], [:tr, "\xff", 'a'], [:tr, 'a-z', "\xff"], [:count, "\x80-\xff"], [:delete, "\xc3"],
   [:gsub, "\x80", ''], [:split, "\xff"], [:center, 20, "\xe2"], [:insert, 1, "\xff"],
   [:slice!, 0], [:ljust, 9, "\xf0"], [:casecmp, "\xff"], [:each_grapheme_cluster], [:%, 1], [:unpack, 'U*'], [:start_with?, "\xff"]].each do |m, *args|
    begin
      text.dup.send(m, *args)
    rescue Exception
    end
    tried += 1
  end
end
tried
