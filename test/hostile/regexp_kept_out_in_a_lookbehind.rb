#=> ok
# The match begins before the place where the search began.
'ab'.gsub(/a|(?<=\Ka)b/, 'x')
'ab'.gsub(/a|(?<=\Ka)b/) { 'y' }
'ab'.split(/a|(?<=\Ka)b/)
'ab'.scan(/a|(?<=\Ka)b/).size
