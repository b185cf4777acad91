#=> ok | error | timeout
#! timeout=100
class Foo
  attr_accessor :n
  def initialize(n) = @n = n
  def <=>(other) = n <=> other.n
  def succ
    $last.n += 1
    Foo.new(n + 1)
  end
end
$last = Foo.new(3)
(Foo.new(1)..$last).each {}
