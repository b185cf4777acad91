#=> error
raise Class.new(Exception)
