#=> ok 7
catch(:ball) { [3, 2, 1].sort { throw :ball, 7 } }
