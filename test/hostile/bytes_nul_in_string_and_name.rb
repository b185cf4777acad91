#=> ok
a = "a\0b"
o = Object.new
o.define_singleton_method("m\0n") { 1 }
[a, a.to_sym.to_s, o.send("m\0n"), (o.instance_variable_set("@a\0", 1) rescue 2), (eval("a\0b = 1") rescue 3), a.inspect].size
