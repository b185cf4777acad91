#=> exit memory_limit | exit killed | timeout
#! timeout=300 grace=10 next=any
$a = []
loop do
  begin
    loop { $a << 'x' * 1_000_000 }
  rescue Exception
  end
end
