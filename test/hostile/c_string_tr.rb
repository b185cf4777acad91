#=> timeout | error | ok
#! timeout=50
text = (0..20_000).map { |n| (n + 0x100).chr('UTF-8') rescue 'x' }.join
100.times { text.tr(text[0, 5000], 'x') }
