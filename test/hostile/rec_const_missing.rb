#=> error class=SystemStackError
def Object.const_missing(name) = Object.const_get(:"X#{name}")
Foo
