#=> error class=Foo
# It cannot be told what it says; it is told that.
class Foo < StandardError
  def message = raise(Foo)
end
raise Foo
