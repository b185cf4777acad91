#=> timeout
#! timeout=30
1.upto(Float::INFINITY) {}
