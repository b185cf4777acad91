#=> ok
["\0", "\xff", '', '+', 'exit_not'].map { |name| (name.to_sym.to_proc.call(1) rescue 1) }.size
