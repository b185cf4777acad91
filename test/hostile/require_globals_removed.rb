#=> error class=LoadError
$LOADED_FEATURES = $" = nil
Object.send(:remove_const, :LoadError)
GC.start
1000.times { Class.new(StandardError) }
require 'x'
