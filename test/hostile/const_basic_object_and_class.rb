#=> ok 1 | error
%i[BasicObject Class Module Kernel].each { |name| Object.send(:remove_const, name) }
GC.start
Foo = nil
class Bar
end
module Baz
end
1
