#=> error
#! max_atoms=0
# Names of classes go out as binaries.
Object.const_set(:"NeverSeen#{rand(2**40)}", Class.new(StandardError)).then { |c| raise c, 'a' }
