#=> memory_limit | exit memory_limit
#! memory_limit=8000000
class Fills
  def initialize(array) = @array = array
  def to_json(*)
    @array << self
    '0'
  end
end
a = []
a << Fills.new(a)
JSON.generate(a)
