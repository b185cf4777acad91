#=> timeout
#! timeout=300
text = '[' + '{"a":[1,2.5,"x",null]},' * 20_000 + 'x]'
loop do
  JSON.parse(text)
rescue JSON::ParserError
  nil
end
