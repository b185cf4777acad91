#=> ok [7,1]
x = 0
[catch(:ball) do
  begin
    Hash.new { throw :ball, 7 }[0]
  ensure
    x = 1
  end
end, x]
