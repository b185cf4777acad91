#=> error
class Module
  def name = nil
  def to_s = raise('y')
  def inspect = raise('z')
end
Class.new(StandardError).then { |c| raise c }
