#=> ok
[5, nil, true, :a, 1.5, 'x', [], 2**100, Erlang::Tuple[1], $stdout, self, Class, BasicObject.new].map do |o|
  [-> { def o.foo = 1 }, -> { o.singleton_class }, -> { o.extend(Comparable) }, -> { o.define_singleton_method(:bar) { 2 } }, -> { class << o; self; end }, -> { o.singleton_methods }].map { |f| begin; f.call; rescue Exception; end }
end.size
