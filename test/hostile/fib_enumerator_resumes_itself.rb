#=> error
$e = Enumerator.new { |y| y << 1; $e.next; $e.rewind; y << 2 }
$e.next
$e.next
