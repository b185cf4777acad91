#=> ok
class Foo; end
[-> { Foo.class_variable_set(:@@a, Foo) }, -> { Foo.class_variable_set('a', 1) }, -> { Foo.class_variable_get(:@@zz) }, -> { Foo.class_variable_set("@@\0", 1) }, -> { eval('@@x = 1') }, -> { Foo.class_variables }, -> { Foo.remove_class_variable(:@@a) }, -> { Foo.remove_class_variable(:@@a) },
 -> { Object.class_variable_set(:@@b, 1); class Foo; @@b; end }].map { |f| begin; f.call.to_s; rescue Exception => e; e.class.to_s; end }.size
