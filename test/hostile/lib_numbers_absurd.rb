#=> ok | error class=SystemStackError
big = 2**200
odd = [0, 1, -1, big, -big, 0.0, -0.0, 1e308, 5e-324, Float::NAN, Float::INFINITY, Rational(1, 3), Complex(1, 2), nil, 'x', [], Object.new, 1..2]
%i[gcd lcm gcdlcm [] round floor ceil truncate fdiv pow coerce divmod remainder % div rationalize clamp step next_float prev_float bit_length numerator ** <=> >> <<].each do |name|
  [3, big, -5, 1.5, Float::NAN, Rational(2, 3)].each do |receiver|
    odd.each do |argument|
      next if %i[** << pow].include?(name) && argument == big
      begin
        name == :step ? receiver.step(argument, 1e300).first(2) : receiver.send(name, argument)
      rescue StandardError
      end
      begin
        receiver.send(name, argument, half: argument) if name == :round
      rescue StandardError
      end
    end
  end
end
odd.each { |x| (Integer.sqrt(x) rescue 0); (Integer(x, exception: false) rescue 0); (Float(x, exception: false) rescue 0); (Rational(x, exception: false) rescue 0) }
