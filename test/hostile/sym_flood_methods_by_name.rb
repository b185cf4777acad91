#=> ok 3000
#! max_atoms=0
class Foo; end
3000.times { |n| Foo.define_method("name_of_a_method_#{n}") { 1 } }
Foo.instance_methods(false).size
