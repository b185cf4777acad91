#=> error class=TypeError
exit Object.new
