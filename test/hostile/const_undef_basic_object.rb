#=> error
class Object
  undef_method :inspect
  undef_method :to_s
end
class BasicObject
  undef_method :initialize rescue 0
  undef_method :method_missing rescue 0
  undef_method :! rescue 0
  undef_method :== rescue 0
  undef_method :__send__ rescue 0
end
Foo
