#=> timeout
#! timeout=30
[1].cycle {}
