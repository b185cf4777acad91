#=> ok
[-> { Set.allocate.add(1) }, -> { Set.allocate.inspect }, -> { Set.allocate == Set.new }, -> { Set.new(5) }, -> { Set.new([1]).merge(5) }, -> { s = Set.new; s.instance_variables.each { |n| s.instance_variable_set(n, 5) }; s << 1 },
 -> { Set.new([1]).send(:initialize_copy, 5) }, -> { Set.new([1]).freeze << 2 }, -> { Set.new([[]]).tap { |s| s.each { |a| a << 1 } }.include?([1]) }, -> { Set.new([1, 2]).each.next }, -> { Set.new([1]) <=> 5 }, -> { Set.new([1]).subset?(nil) },
 -> { Set.new([1, 2, 3]).tap { |s| s.delete_if { s.clear } } }, -> { Set.new([3, 1]).sort_by { |x| x } }, -> { Set.new([1]).flatten }, -> { Set[Set[1]].hash }, -> { { Set[1] => 1 }[Set[1]] }].map { |f| begin; f.call.class.to_s; rescue Exception => e; e.class.to_s; end }.size
