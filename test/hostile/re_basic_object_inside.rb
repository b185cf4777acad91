#=> error
[1, { BasicObject.new => BasicObject.new }, BasicObject.new]
