# Fibers as generators, a scheduler of cooperating tasks, pipelines, same fringe.
class Generator
  def initialize(&block)
    @block = block
    rewind
  end

  def next = @queue.empty? ? fetch : @queue.shift
  def next? = !@queue.empty? || (@queue << fetch).last != :__end || !@queue.pop

  def rewind
    @queue = []
    @fiber = Fiber.new do
      @block.call(->(value) { Fiber.yield(value) })
      :__end
    end
    self
  end

  private

  def fetch = @fiber.alive? ? @fiber.resume : :__end
end

squares = Generator.new { |out| (1..3).each { |n| out.call(n * n) } }
p squares.next, squares.next?, squares.next, squares.next, squares.next?, squares.rewind.next

fiber = Fiber.new do |first|
  puts "started with #{first}"
  second = Fiber.yield(first * 2)
  puts "resumed with #{second}"
  third, fourth = Fiber.yield(second * 2)
  puts "and with #{third}, #{fourth}"
  :finished
end
p fiber.resume(1), fiber.alive?, fiber.resume(10), fiber.resume(7, 8), fiber.alive?
begin
  fiber.resume
rescue FiberError => e
  puts e.class
end

class Scheduler
  Task = Struct.new(:name, :fiber, :wake)

  def initialize
    @tasks = []
    @time = 0
    @log = []
  end

  attr_reader :log

  def spawn(name, &block)
    @tasks << Task.new(name, Fiber.new { block.call(self) }, 0)
    self
  end

  def pause(ticks = 1) = Fiber.yield(ticks)
  def say(text) = @log << "#{@time.to_s.rjust(2)} #{text}"

  def run
    until @tasks.empty?
      task = @tasks.min_by.with_index { |t, i| [t.wake, i] }
      @time = [@time, task.wake].max
      ticks = task.fiber.resume
      if task.fiber.alive?
        task.wake = @time + ticks
        @tasks.push(@tasks.delete(task))
      else
        say("#{task.name} ended")
        @tasks.delete(task)
      end
    end
    @log
  end
end
puts(Scheduler.new
  .spawn("cook") { |s| %w[chop boil serve].each { |step| s.say("cook: #{step}"); s.pause(3) } }
  .spawn("waiter") { |s| 4.times { |i| s.say("waiter: table #{i}"); s.pause(2) } }
  .spawn("guest") { |s| s.pause(5); s.say("guest: hungry") }
  .run)

def fringe(tree) = Fiber.new { leaves(tree) { |leaf| Fiber.yield(leaf) }; nil }
def leaves(tree, &block) = tree.is_a?(Array) ? tree.each { |branch| leaves(branch, &block) } : yield(tree)
def same_fringe?(one, other)
  a = fringe(one)
  b = fringe(other)
  loop do
    x = a.resume
    return false unless x == b.resume
    return true if x.nil?
  end
end
p same_fringe?([1, [2, 3], [[4]]], [[1, 2], [3, [4]]]), same_fringe?([1, 2, 3], [1, [3, 2]])

source = Fiber.new { %w[the quick brown fox jumps high].each { |word| Fiber.yield word }; nil }
upper = Fiber.new { while (word = source.resume) do Fiber.yield word.upcase end; nil }
pairs = Fiber.new do
  while (a = upper.resume)
    Fiber.yield [a, upper.resume]
  end
  nil
end
result = []
while (pair = pairs.resume)
  result << pair
end
p result

failing = Fiber.new do
  Fiber.yield 1
  raise ArgumentError, "inside of the fiber"
ensure
  puts "cleaned up"
end
p failing.resume
begin
  failing.resume
rescue ArgumentError => e
  puts "#{e.message}, alive: #{failing.alive?}"
end
depth = ->(n) { n.zero? ? Fiber.yield(:bottom) : depth[n - 1] + 1 }
deep = Fiber.new { depth[50] }
p deep.resume, deep.resume(0)
lottery = Fiber.new { |seed| loop { seed = (seed * 1_103_515_245 + 12_345) % 2**31; seed = seed.then { |s| Fiber.yield(s % 49 + 1); s } } }
p Array.new(6) { lottery.resume(42) }
