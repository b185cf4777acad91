#=> ok | error
tried = 0
%i[each_line each_char each_byte lines chars bytes each_grapheme_cluster each_codepoint codepoints].each do |m|
  s = "ab\u00e9\n" * 300
  begin
    s.send(m) { s.clear; GC.start if tried % 500 == 0; tried += 1 }
    s = "ab\u00e9\n" * 3
    s.send(m) { s << 'x' * 10 if s.size < 1000; tried += 1 }
  rescue Exception
  end
end
tried
