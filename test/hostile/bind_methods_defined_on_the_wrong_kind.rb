#=> ok true | timeout
#! timeout=3000
# As bind refuses, define_method must: a method of C trusts its self.
classes = [String, Array, Hash, Range, Proc, Exception, Integer, Float, Symbol, Set, Time, Random, Fiber, Rational, Complex, Class, Method, Binding, Erlang::Tuple, Erlang::Pid]
n = 0
classes.each do |c|
  c.instance_methods(false).each do |name|
    next if %i[cycle loop each].include?(name)
    n += 1
    begin
      Object.define_method(:borrowed, c.instance_method(name))
    rescue Exception
      next
    end
    [5, nil, 'x', [1], Object.new, 1.5].each do |t|
      begin
        t.borrowed
      rescue Exception
      end
    end
  end
end
n > 100
