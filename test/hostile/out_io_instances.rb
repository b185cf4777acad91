#=> ok
[-> { IO.allocate.puts(1) }, -> { IO.new.puts(1) }, -> { $stdout.dup.puts(5) }, -> { $stdout.clone.write('a') }, -> { Class.new(IO).new.puts(1) }, -> { $stdout.sync = true }, -> { $stdout.close }, -> { $stdout.fileno }, -> { $stdin.gets },
 -> { gets }, -> { $stdout.flush }, -> { $stdout.instance_variable_set(:@fd, 5); puts 1 }, -> { STDOUT.singleton_class.send(:undef_method, :puts) }, -> { $stdout.send(:initialize, 7) }].map { |f| begin; f.call; rescue Exception => e; e.class.to_s; end }.size
