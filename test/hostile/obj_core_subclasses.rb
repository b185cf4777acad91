#=> ok
class A < Array; end
class S < String; end
class H < Hash; end
class P < Proc; end
class R < Range; end
class E < Exception; end
class F < Fiber; end
class T < Time; end
class I < Integer; end
class N < NilClass; end
[A, S, H, P, R, E, F, T, I, N].map { |c| [-> { c.new }, -> { c.allocate }, -> { c.allocate.inspect }, -> { c.new('x') { } }, -> { c.new(1, 2).to_s }, -> { c.allocate.dup.hash }, -> { c.allocate << 1 }, -> { c.allocate.call }, -> { c.allocate[0] = 1 }].map { |f| begin; f.call; rescue Exception; end } }.size
