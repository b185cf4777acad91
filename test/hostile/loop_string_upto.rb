#=> timeout
#! timeout=30
'a'.upto('z' * 20) {}
