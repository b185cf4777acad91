#=> ok
[-> { Random.new(2**70) }, -> { rand(2**70) }, -> { Random.rand(-1) }, -> { Random.allocate.rand }, -> { [1].shuffle(random: 5) }, -> { Random.new.bytes(-1) }, -> { rand(0..2**62) }, -> { rand(1e400) },
 -> { [1, 2, 3].sample(random: Object.new) }, -> { rand(3..1) }, -> { Random.srand('x') }, -> { Random.new(nil).rand(0.0 / 0) }, -> { [1].sample(2**62) }, -> { [].sample(-1) }, -> { Random.rand(nil..nil) },
 -> { rand(-(2**63)) }].map { |f| begin; f.call; rescue Exception; end }.size
