#=> error
Object.send(:remove_const, :SyntaxError)
SyntaxError = Class.new(String)
eval('(')
