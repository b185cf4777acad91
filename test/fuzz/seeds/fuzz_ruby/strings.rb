a = "x#{1 + 1}\u{3c0}\x41" "y" 'z'
b = %w[a b] + %i[c d]
c = <<~A + <<B
  in #{a}
A
out
B
[a.sub("x", "y").tr("a-z", "b-za"), b, c, a[1..], a =~ nil, "%05.2f|%-3s" % [1.5, :a], [1, "b"].pack("Ca*").unpack("Ca*")]
