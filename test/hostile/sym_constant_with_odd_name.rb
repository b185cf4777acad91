#=> error class=NameError
Object.const_set("A\0\xff", 1)
