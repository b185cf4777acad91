#=> ok 1
class Object
  def initialize(*) = $made = ($made || 0) + 1
end
Object.new
$made
