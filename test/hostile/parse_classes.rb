#=> error
eval('class Foo;' * 3000 + 'end;' * 3000)
