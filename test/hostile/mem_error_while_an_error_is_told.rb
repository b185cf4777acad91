#=> error
#! timeout=30000
# Nothing left to say it with.
class Foo < StandardError
  def message = 'x' * 100_000_000
end
raise Foo
