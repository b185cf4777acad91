#=> ok
k = Struct.new(:a, :b, keyword_init: true)
[->{ k.new }, ->{ k.new({}) }, ->{ k.new(nil) }, ->{ k.new({ a: 1 }, 2) }, ->{ k.new('a' => 1) }, ->{ k.allocate.to_a }, ->{ k.allocate.inspect }, ->{ Struct.new(:a, keyword_init: 5).new(a: 1) }, ->{ Struct.new(keyword_init: true) }, ->{ Struct.new(nil, keyword_init: true) }, ->{ k.include(Struct::Keywords).new(a: k) }, ->{ Object.new.extend(Struct::Keywords) }, ->{ Class.new { include Struct::Keywords }.new(a: 1) }, ->{ k.new(a: 1).each_pair.to_a }].map { |f| begin; f.call; rescue StandardError => e; e.class.to_s; end }.size
