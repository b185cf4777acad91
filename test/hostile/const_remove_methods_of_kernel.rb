#=> error
module Kernel
  instance_methods.each { |name| undef_method(name) rescue 0 }
end
raise 'x'
