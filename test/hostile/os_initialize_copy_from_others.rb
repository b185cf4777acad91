#=> ok
all = [[1], { 1 => 2 }, 'x', 1..2, Time.now, Random.new, Set.new([1]), Object.new, Struct.new(:a).new(1), Struct.new(:a, :b).new(1, 2),
       RuntimeError.new('x'), Rational(1, 2), Complex(1, 2), Erlang::Tuple[1], binding, proc {}, 'x'.method(:size)]
n = 0
all.each do |a|
  all.each do |b|
    [-> { a.dup.send(:initialize_copy, b) }, -> { a.class.allocate.send(:initialize_copy, b) },
     -> { a.class.allocate.tap { |c| c.send(:initialize_copy, b) rescue 0 }.inspect }].each do |f|
      begin
        f.call
      rescue Exception
      end
      n += 1
    end
  end
end
n
