#=> ok | error
class Foo
  attr_reader :n
  def initialize(n) = @n = n
  def <=>(other)
    $a.clear
    GC.start
    n <=> other.n
  end
end
$a = (1..50).map { |n| Foo.new(-n) }
$a.sort!
$a.size
