#=> ok
D = Data.define(:a, :b)
[-> { D.new(1) }, -> { D.new(1, 2, 3) }, -> { D.allocate.inspect }, -> { D.allocate.a }, -> { D.allocate.to_h }, -> { D.new(a: 1, b: 2).hash }, -> { D.new(1, 2) == D.allocate }, -> { Data.new }, -> { Data.define('x y') }, -> { Data.define(:a, :a) },
 -> { D.new(1, 2).send(:initialize, 3, 4) }, -> { D.new(1, 2).instance_variable_set(:@a, 1) }, -> { D.allocate.send(:initialize_copy, 5) }, -> { Data.define.new }, -> { Class.new(D).new(1, 2).inspect }, -> { D.new(1, 2).with(a: 3) },
 -> { D.members.clear; D.new(1, 2) }].map { |f| begin; f.call.class.to_s; rescue Exception => e; e.class.to_s; end }.size
