#=> error class=RuntimeError
class Name
  def to_path = raise('no')
end
require Name.new
