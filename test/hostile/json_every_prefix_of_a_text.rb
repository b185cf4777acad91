#=> ok 1
text = '{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00\n",null,true,false,{"b":[]}],"c":{"d":12345678901234567890123}}'
(0..text.size).count do |size|
  JSON.parse(text[0, size])
  true
rescue JSON::ParserError
  false
end
