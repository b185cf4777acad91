#=> error | ok
module Kernel
  def raise(*) = 5
  def loop = 7
end
raise 'x'
nil.foo
