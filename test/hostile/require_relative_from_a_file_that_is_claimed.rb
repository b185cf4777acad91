#=> error class=LoadError
eval("require_relative 'passwd'", nil, '/etc/x.rb', 1)
