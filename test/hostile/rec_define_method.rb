#=> error class=SystemStackError
class Foo
  define_method(:deeper) { deeper + 1 }
end
Foo.new.deeper
