#=> exit 6
[2, 1].sort { exit 6 }
