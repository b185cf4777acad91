#=> ok 5000
# Their ensure blocks never run, and their stacks go.
n = 0
5000.times do
  f = Fiber.new do
    begin
      Fiber.yield 1
    ensure
      loop {}
    end
  end
  n += f.resume
end
GC.start
n
