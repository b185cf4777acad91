#=> ok nil
text = '{"a":[1,-2.5e3,"x\u00e9",null]}'
text.bytesize.times do |place|
  256.times do |byte|
    changed = text.byteslice(0, place) + byte.chr + text.byteslice(place + 1, 100)
    JSON.parse(changed)
  rescue JSON::ParserError
    nil
  end
end
nil
