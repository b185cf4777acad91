#=> error class=NoMethodError
nil.send("\xff\0\xfe" * 1000)
