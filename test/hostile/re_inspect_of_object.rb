#=> error
class Object
  def inspect = raise('i')
  def to_s = 5
  def class = nil
end
nothing_of_the_kind
