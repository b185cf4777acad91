#=> memory_limit
#! timeout=30000 memory_limit=8000000
all = []
loop { all << Regexp.new("[[:alpha:]]\\p{Greek}#{all.size}") }
