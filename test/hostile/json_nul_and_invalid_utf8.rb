#=> ok [true, true, true, true, true, true]
def refused
  yield
  false
rescue JSON::ParserError, JSON::GeneratorError
  true
end
[refused { JSON.parse("\0") }, refused { JSON.parse("[1]\0") }, refused { JSON.parse("\xff") },
 refused { JSON.generate("\xff") }, refused { JSON.generate({ "\xe2\x82" => 1 }) },
 JSON.parse("[\"\xff\"]") == ["\xff"]]
