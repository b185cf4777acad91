#=> ok
%i[mrb_codedump __printstr__ disasm debugger pp display caller set_trace_func srand].map { |m| begin; send(m, 'x'); rescue Exception => e; e.class.to_s; end }.size
