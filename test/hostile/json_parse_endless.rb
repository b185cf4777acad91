#=> timeout
#! timeout=300
text = '[' + '{"a":[1,2.5,"x",null]},' * 20_000 + '1]'
loop { JSON.parse(text) }
