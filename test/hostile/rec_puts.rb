#=> error class=SystemStackError
module Kernel
  def puts(*args) = puts(*args)
end
puts 1
