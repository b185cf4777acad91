#=> timeout
#! timeout=30
1.0.step(2.0, 1e-300) {}
