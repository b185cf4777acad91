#=> ok 200
n = 0
200.times do
  [Class.new, Object.new.singleton_class, proc {}, -> {}, Fiber.new { 1 }, [1].each, 'x'.method(:size), String.instance_method(:size),
   binding, Struct.new(:a).new(1), Set.new([1]), (1..2), 2**100, Rational(1, 2), Complex(1, 2), Time.now, Random.new, Erlang::Tuple[1],
   :"sym#{n}", 1.5, RuntimeError.new('x')]
  n += 1
  GC.start if n % 50 == 0
end
n
