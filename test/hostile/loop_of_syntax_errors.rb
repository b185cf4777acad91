#=> timeout
#! timeout=30
loop do
  begin
    eval('(')
  rescue SyntaxError
  end
end
