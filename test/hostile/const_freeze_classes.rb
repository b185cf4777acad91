#=> error class=FrozenError
#! next=any
[Object, Kernel, String, Class, Module, BasicObject, Exception, Erlang, NilClass].each(&:freeze)
class String
  def foo = 1
end
