#=> ok
b = binding
["\0", '', 'A', '@a', '$a', '1', 'a b', "\xff", 'x' * 10_000, 'nil', 'self', '+', 5, nil, :a?, :b!, :c=].map do |name|
  [-> { b.local_variable_set(name, 1) }, -> { b.local_variable_get(name) }, -> { b.local_variable_defined?(name) }].map { |f| begin; f.call; rescue Exception => e; e.class.to_s; end }
end.size
