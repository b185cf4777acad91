#=> ok
[-> { Time.at(2**62) }, -> { Time.at(1e300) }, -> { Time.at(0, 2**62) }, -> { Time.at(-2**62) }, -> { Time.now + 1e18 }, -> { Time.allocate }, -> { Time.at(0.0 / 0) },
 -> { Time.at(1e400) }, -> { Time.local(1, 99, 99) }, -> { Time.gm(2000, -1, -1, -1, -1, -1) }, -> { Time.gm('x') }, -> { Time.at(2**70) }, -> { Time.at(67_768_036_191_676_799) }, -> { Time.at(nil) }, -> { Time.now - Time.allocate }].map do |f|
  begin
    t = f.call
    %i[to_s inspect to_i to_f year month yday wday localtime gmtime utc? zone usec nsec hash dup succ strftime].each { |m| begin; t.send(m); rescue Exception; end }
    t <=> Time.now
  rescue Exception
  end
end.size
