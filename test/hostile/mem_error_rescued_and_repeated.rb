#=> memory_limit | exit memory_limit | timeout | exit killed
#! timeout=300 grace=10 next=any
$a = []
loop do
  begin
    loop { $a << 'x' * 1000 }
  rescue NoMemoryError
  end
end
