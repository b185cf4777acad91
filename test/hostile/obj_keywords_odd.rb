#=> ok
def f(a:, b: 2, **k) = k
[-> { f(a: 1, **{ c: 3 }) }, -> { f(**Hash.new { 1 }) }, -> { f(*[1], a: 1) }, -> { f(**nil) }, -> { f(**5) }, -> { f('a' => 1, a: 2) }, -> { f(**{ 1 => 2, a: 3 }) }, -> { f({ a: 1 }) }, -> { f(a: 1, a: 2) }, -> { send(:f, **{ a: 1 }) }, -> { f(a: f(a: 1)) }].map { |x| begin; x.call; rescue Exception => e; e.class.to_s; end }.size
