#=> timeout
#! timeout=100
(('a' * 22 + 'x') * 10_000).gsub(/(a|aa)+b|x/, '')
