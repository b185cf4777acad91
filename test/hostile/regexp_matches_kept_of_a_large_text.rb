#=> ok 2000
#! memory_limit=16000000
text = 'abc ' * 100_000
(0...2000).map { |i| text.match(/\w+/, i) }.size
