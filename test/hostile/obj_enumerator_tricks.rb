#=> ok
[-> { Enumerator.allocate.next }, -> { Enumerator.allocate.inspect }, -> { Enumerator.allocate.size }, -> { Enumerator::Lazy.allocate.first(1) }, -> { Enumerator::Yielder.allocate << 1 }, -> { Enumerator.new }, -> { Enumerator.new(5) { }.next },
 -> { 5.enum_for(:no_such).next }, -> { [1].each.with_index('x') { } }, -> { [1].each.with_object.next }, -> { e = [1, 2].each; e.next; e.dup.next }, -> { e = [1].each; e.send(:initialize) { 5 }; e.next }, -> { Enumerator.produce(1) { raise StopIteration }.take(3) },
 -> { (1..3).each_entry.next }, -> { [1].lazy.map { break 5 }.first }, -> { [1].each.peek }, -> { e = [].each; e.peek }, -> { Enumerator::Chain.allocate.each {} }, -> { ([1].each + 5).to_a }, -> { e = [1].each; e.instance_variables.each { |n| e.instance_variable_set(n, nil) }; e.next },
 -> { Enumerator.new { |y| $y = y; y << 1 }.next; $y << 2 }].map { |f| begin; f.call.class.to_s; rescue Exception => e; e.class.to_s; end }.size
