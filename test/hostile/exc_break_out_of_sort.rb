#=> ok 5
[3, 2, 1].sort { break 5 }
