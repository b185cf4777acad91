#=> ok
# Without an end of their own, they would be asked again.
class Object
  def puts(*) = raise('x')
  def print(*) = nil
  def p(*) = loop {}
end
$stdout.puts 1
