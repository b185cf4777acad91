#=> ok
p = proc { |a, b = 1, *c, d:, &e| a }
[-> { p.call }, -> { p.curry[1] }, -> { p.curry(2**40) }, -> { lambda(&p).call }, -> { p.send(:initialize) { 5 } }, -> { p.send(:initialize_copy, -> {}) }, -> { Proc.new }, -> { p.parameters.size }, -> { (p >> p).call(1, d: 1) }, -> { (p << nil).call }, -> { p.curry.arity },
 -> { p === 5 }, -> { Proc.new(&:x).call }, -> { :x.to_proc.call }, -> { p.to_proc.dup.call(1, d: 2) }, -> { ->(a:) { a }.call(b: 1) }, -> { ->(*) {}.call(*([1] * 1000)) }, -> { proc { |(a, (b, *c)), d| c }.call([[1, 2], 3]) }].map { |f| begin; f.call.class.to_s; rescue Exception => e; e.class.to_s; end }.size
