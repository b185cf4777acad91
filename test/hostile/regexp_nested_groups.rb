#=> ok 1
[1_000, 5_000, 1_000_000].each do |depth|
  ['(', '(?:', '(?=', '(?<!', '(?>', '(?i:'].each do |open|
    begin
      Regexp.new(open * depth + ')' * depth) =~ 'a'
      Regexp.new(open * depth) =~ 'a'
    rescue RegexpError
    end
  end
end
1
