#=> timeout
#! timeout=50
# UTF-8: each index counts from the beginning.
s = "\u00e9" * 1_000_000
i = 0
loop { s[999_999] }
