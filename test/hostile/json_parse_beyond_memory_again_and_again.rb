#=> ok 20
#! memory_limit=8000000
text = '[' + '1,' * 600_000 + '1]'
20.times.count do
  JSON.parse(text)
  true
rescue NoMemoryError
  true
end
