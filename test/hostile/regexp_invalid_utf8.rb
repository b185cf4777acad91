#=> ok 1
texts = ["\xff", "\xc3", "a\xe2\x82", "\xf0\x9f\x98", "\x80abc", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80", "ä\xc3", 'x' * 100 + "\xe2", "\xfe" * 50]
texts.each do |text|
  [/./, /\w+/, /ä/i, /[^a]/, /\X/, /(?<=.)b/, /.*\z/, /./n, /\xff/n, /[^a]+/n, /\W\z/n, 'a', '', text].each do |pattern|
    %i[=~ match match? scan index rindex partition rpartition split start_with? slice []].each do |name|
      begin
        text.dup.send(name, pattern)
        text.dup.send(name, pattern, 1)
        text.dup.send(name, pattern, -1)
      rescue ArgumentError, TypeError, RegexpError
      end
    end
    begin
      text.gsub(pattern, '<\0>')
      text.gsub(pattern) { |x| x + $~.begin(0).to_s + $`.to_s + $'.to_s }
      text.dup[pattern] = 'b'
    rescue ArgumentError, IndexError, RegexpError
    end
  end
  begin
    Regexp.new(text) =~ text
  rescue RegexpError, ArgumentError
  end
  begin
    [Regexp.escape(text), Regexp.new(text, 32) =~ text, Regexp.union(text, 'a')]
  rescue RegexpError, ArgumentError
  end
end
1
