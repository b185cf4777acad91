#=> ok [270, 270]
# inspect of an argument empties the format.
class Emptying
  def inspect
    $format.replace("")
    GC.start
    Array.new(100) { "something else" * 10 }
    "-"
  end
end
def fresh = $format = "%p and then " * 20 + "the rest is said by nobody" + " ." * 12
arguments = [Emptying.new] * 20
fresh
one = $format % arguments
fresh
two = sprintf($format, *arguments)
[one.size, two.size]
