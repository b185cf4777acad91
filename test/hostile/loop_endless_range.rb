#=> timeout
#! timeout=30
(1..nil).each {}
