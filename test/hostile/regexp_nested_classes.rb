#=> ok 1
[100, 4_000, 200_000].each do |depth|
  begin
    Regexp.new('[a' * depth + ']' * depth) =~ 'a'
  rescue RegexpError
  end
end
1
