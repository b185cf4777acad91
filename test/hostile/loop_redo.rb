#=> timeout
#! timeout=30
[1].each { redo }
