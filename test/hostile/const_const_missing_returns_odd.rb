#=> ok | error
def Object.const_missing(name) = name == :Zork ? (raise 'x') : Zork
begin
  Foo
rescue
  class Foo2 < (Bar rescue String)
  end
  1
end
