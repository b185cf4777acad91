#=> ok
[nil, 5, :a, [], "", ".", "..", "/", "//", "\0", "a\0.rb", "\xff", "x" * 100_000, "~/a", "-", Object.new].map do |name|
  [:require, :require_relative, :load].map do |way|
    Kernel.send(way, name)
  rescue LoadError, TypeError => e
    e.class.to_s
  end
end
