#=> error class=SystemStackError
class Foo
  def coerce(number) = [Foo.new, number]
  def +(number) = Rational(1, 2) + self
end
Foo.new + 1
