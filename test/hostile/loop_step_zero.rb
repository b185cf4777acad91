#=> error class=ArgumentError | timeout
#! timeout=30
1.step(2**62, 0) {}
