#=> ok 1
puts "\xff\xfe\0"
print "\x80" * 1000
$stderr.puts "\xc3"
p "\xe2\x82"
warn "\xff"
1
