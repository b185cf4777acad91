#=> error class=Foo | exit 5
class Foo < StandardError
  def message = exit(5)
end
raise Foo
