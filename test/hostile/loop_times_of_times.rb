#=> timeout
#! timeout=30
(2**62).times { (2**62).times {} }
