#=> error
module A
end
module B
  include A
end
module A
  include B
end
class Object
  include A
  include B
end
module A
  prepend B
end
1.foo
