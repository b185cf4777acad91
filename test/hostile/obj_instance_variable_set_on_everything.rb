#=> ok
[5, nil, true, :a, 1.5, 'x', [], {}, 1..2, proc {}, Class, Kernel, 2**100, Rational(1, 2), Time.now, Fiber.new {}, binding, method(:puts), Erlang::Tuple[1], $stdout, Random.new, Set.new, [1].each, RuntimeError.new, self, Struct.new(:a).new(1)].map do |o|
  [:@a, '@b', "@\0", '@', 'a', '@@c', :@__x, "@#{'y' * 1000}", 5].map { |name| begin; o.instance_variable_set(name, o); o.instance_variable_get(name); o.remove_instance_variable(name); rescue Exception; end }
  o.inspect.size rescue 0
end.size
