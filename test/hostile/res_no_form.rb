#=> ok
[1..2, proc {}, Class.new, Object.new, self, Time.now, Rational(1, 2), Set.new, Fiber.new {}, [1].each, 'x'.method(:size), binding, $stdout, Kernel, RuntimeError.new('x'), Struct.new(:a).new(1), Random.new].count do |x|
  begin
    send_response(x)
    false
  rescue Erlang::TermError
    true
  end
end
