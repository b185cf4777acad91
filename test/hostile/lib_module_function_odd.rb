#=> ok
m = Module.new { module_function; def a = 1; define_method(:b) { 2 }; module_function; def method_added(x) = raise('x') }
[->{ m.a }, ->{ m.module_function(:nothing) }, ->{ m.module_function(nil) }, ->{ m.module_function(5) }, ->{ Class.new { module_function; def x = 1 } }, ->{ m.freeze.module_function }].map { |f| begin; f.call; rescue StandardError => e; e.class.to_s; end }.size
