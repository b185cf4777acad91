#=> error class=TypeError
raise 5
