#=> ok
[["\xff" * 1000, 1], ['', 0], ['x' * 100_000, 70_000], ['f', -1], ['f', 2**40], [nil, nil], [5, 5], ['f', 'g']].map do |file, line|
  begin
    eval('raise "x"', nil, file, line)
  rescue Exception => e
    e.backtrace.to_s.size
  end
end.size
