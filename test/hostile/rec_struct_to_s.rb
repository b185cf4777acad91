#=> error class=SystemStackError | ok
S = Struct.new(:itself_again)
struct = S.new
struct.itself_again = struct
struct.to_s.size + struct.inspect.size + struct.hash
