#=> error
BasicObject.new
