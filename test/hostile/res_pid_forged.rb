#=> ok
pid = Erlang::Pid
[(pid.new rescue 1), (pid.allocate rescue 2), (Class.new(pid).allocate rescue 3), (Class.new(pid).new rescue 4), (pid.instance_method(:hash).bind(5).call rescue 5), (Object.define_method(:hh, pid.instance_method(:inspect)) rescue 6),
 (5.hh rescue 7), (Object.new.hh rescue 8), (nil.hh rescue 9), (pid.send(:new) rescue 10), (Marshal rescue 11)].size
