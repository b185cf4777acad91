#=> ok
[-> { Binding.allocate.eval('1') }, -> { Binding.allocate.local_variables }, -> { Binding.new }, -> { Binding.allocate.receiver }, -> { Binding.allocate.dup.eval('y') }, -> { eval('1', 5) }, -> { eval('1', Object.new) }, -> { eval(nil) },
 -> { eval(5) }, -> { binding.dup.clone.eval('1') }, -> { binding.send(:initialize_copy, 5) }, -> { b = Binding.allocate; b.send(:initialize_copy, binding); b.eval('1') }, -> { Class.new(Binding).allocate.eval('1') }].map { |f| begin; f.call; rescue Exception => e; e.class.to_s; end }.size
