#=> ok
[5, nil, :a, 1.5, 'x', [], {}, Object.new, Class, Kernel, 2**100, BasicObject.new, Erlang::Tuple[1]].map do |x|
  ['self', '@a = 1', 'def foo = 1', 'class << self; def bar = 2; end', 'A = 1', 'x = 1; binding', 'return 1', 'yield', 'super', '(', "\0"].map do |code|
    begin
      BasicObject.instance_method(:instance_eval).bind(x).call(code)
    rescue Exception
    end
  end
end.size
