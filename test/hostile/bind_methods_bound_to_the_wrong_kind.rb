#=> ok
classes = [String, Array, Hash, Range, Proc, Exception, Integer, Float, Symbol, Struct, Set, Time, Random, Fiber, Rational, Complex, Enumerator, Class, Method, Binding, Erlang::Tuple, Erlang::Pid]
targets = [5, nil, 'x', [1], {}, 1..2, Object.new, proc {}, 1.5, :a]
n = 0
classes.each do |c|
  c.instance_methods(false).each do |name|
    next if %i[cycle loop each].include?(name)
    m = c.instance_method(name)
    targets.each do |t|
      n += 1
      begin
        m.bind(t).call
      rescue Exception
      end
    end
  end
end
n > 1000
