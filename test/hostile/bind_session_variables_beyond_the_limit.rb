#=> ok
300.times { |n| begin; eval("session_variable_#{n} = 1"); rescue Exception; end }
1
