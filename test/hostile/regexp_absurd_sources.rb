#=> ok 1
bytes = %w[( ) [ ] { } ? * + | \\ ^ $ . < > = ! # : - & 1 , a p k g u x R X K] + ["\xff", "\0", "\n"]
random = Random.new(7)
3_000.times do
  source = ''
  random.rand(12).times { source << bytes[random.rand(bytes.size)] }
  begin
    regexp = Regexp.new(source, random.rand(64))
    "a(b)1\n\\".scan(regexp)
    [regexp.to_s, regexp.inspect, regexp.names, regexp.hash]
    'aab'.gsub(regexp, "\\1\\k<p>")
  rescue RegexpError, ArgumentError, IndexError
  end
end
1
