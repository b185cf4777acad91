#=> ok
S = Struct.new(:a, :b)
S.members.clear
s = S.new(1, 2)
ObjectSpace.each_object(Array) { |m| m.clear if m == [:a, :b] && !m.frozen? }
GC.start
[-> { s.a }, -> { s.b = 3 }, -> { s.to_a }, -> { s.inspect }, -> { s == s.dup }, -> { s[:a] }, -> { s[0] }, -> { s.to_h }, -> { S.new(4, 5).hash }].map { |f| begin; f.call; rescue Exception => e; e.class.to_s; end }.size
