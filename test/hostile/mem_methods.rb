#=> memory_limit | timeout
#! timeout=500
class Foo; end
n = 0
loop { Foo.define_method("m#{n += 1}") { 'x' } }
