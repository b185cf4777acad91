#=> ok 1 | error
#! next=any
[[], {}, 'x', 1..2, proc {}, Time.now, Random.new, Set.new, Object.new, [1].each, Struct.new(:a).new(1), RuntimeError.new('x'),
 Rational(1, 2), Complex(1, 2), binding, Erlang::Tuple[1], 'x'.method(:size), String, Kernel, :a, 1, 1.5, 2**100, nil, $stdout].each do |o|
  [[], [1], [o], [1, 2], ['x' * 1000], [2**70], [nil, nil, nil]].each do |args|
    begin
      o.send(:initialize, *args)
    rescue Exception
    end
    begin
      o.send(:initialize, *args) { 1 }
    rescue Exception
    end
    begin
      o.send(:initialize_copy, *args)
    rescue Exception
    end
    begin
      o.inspect
      o.hash
      o.dup
    rescue Exception
    end
  end
end
1
