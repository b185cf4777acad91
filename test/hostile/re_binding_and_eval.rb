#=> ok 42
#! next=ok
module Kernel
  def eval(*) = 42
  def binding = nil
end
class Binding
  def local_variable_set(*) = raise('x')
  def local_variables = nil
  def eval(*) = raise('y')
end
eval('1')
