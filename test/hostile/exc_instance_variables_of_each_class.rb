#=> ok
[NameError, NoMethodError, KeyError, StopIteration, LocalJumpError, FrozenError, SystemExit, UncaughtThrowError, SystemStackError, NoMemoryError].map do |c|
  begin
    e = c.allocate
    %i[@mesg @status @name @args @receiver @result @exc @key @tag @value].each { |name| e.instance_variable_set(name, [e]) }
    %i[message name args receiver result key tag value status success? inspect full_message backtrace].each { |m| e.send(m) rescue 1 }
    raise e
  rescue Exception => x
    x.class.to_s
  end
end
