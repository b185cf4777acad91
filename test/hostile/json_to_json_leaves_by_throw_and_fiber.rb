#=> ok [1,true,true]
class Leaves
  def initialize(&block) = @block = block
  def to_json(*) = @block.call
end
thrown = catch(:out) { JSON.generate([Leaves.new { throw :out, 1 }]) }
fiber = Fiber.new { JSON.generate([Leaves.new { Fiber.yield 2 }]) }
yielded = begin
  fiber.resume
rescue FiberError
  true
end
[thrown, yielded, JSON.generate([1]) == '[1]']
