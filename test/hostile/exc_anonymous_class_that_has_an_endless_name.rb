#=> error | timeout
#! timeout=100
raise Class.new(Exception) { def self.name = loop {} }
