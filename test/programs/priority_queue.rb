# A binary heap, and what it is good for: a queue of jobs, heap sort, a running median, merging.
class PriorityQueue
  include Enumerable

  def initialize(items = [], &before)
    @before = before || ->(a, b) { (a <=> b) < 0 }
    @heap = []
    items.each { |item| push(item) }
  end

  def push(item)
    @heap.push(item)
    index = @heap.size - 1
    while index > 0 && @before.call(@heap[index], @heap[parent = (index - 1) / 2])
      swap(index, parent)
      index = parent
    end
    self
  end
  alias << push

  def pop
    return if @heap.empty?

    swap(0, @heap.size - 1)
    top = @heap.pop
    sink(0)
    top
  end

  def peek = @heap.first
  def size = @heap.size
  def empty? = @heap.empty?

  def each
    return to_enum(:each) { size } unless block_given?

    copy = dup
    yield copy.pop until copy.empty?
  end

  private

  def initialize_copy(other)
    super
    @heap = @heap.dup
  end

  def swap(a, b)
    @heap[a], @heap[b] = @heap[b], @heap[a]
  end

  def sink(index)
    loop do
      left = 2 * index + 1
      best = index
      [left, left + 1].each { |child| best = child if child < @heap.size && @before.call(@heap[child], @heap[best]) }
      break if best == index

      swap(index, best)
      index = best
    end
  end
end

queue = PriorityQueue.new([5, 3, 8, 1, 9, 2])
p queue.to_a, queue.size, queue.peek, queue.first(2), queue.include?(8), queue.sum, queue.sort.reverse
p Array.new(queue.size) { queue.pop }, queue.pop, queue.empty?

Job = Struct.new(:name, :priority, :sequence) do
  include Comparable
  def <=>(other) = [-priority, sequence] <=> [-other.priority, other.sequence]
end
jobs = PriorityQueue.new
[["mail", 1], ["backup", 5], ["report", 3], ["alert", 5], ["cleanup", 1]].each_with_index do |(name, priority), i|
  jobs << Job.new(name, priority, i)
end
jobs.each { |job| puts "#{job.priority} #{job.name}" }

def heap_sort(list, &block) = PriorityQueue.new(list, &block).to_a
words = %w[pear fig apple kiwi banana cherry date]
p heap_sort(words), heap_sort(words) { |a, b| [a.size, a] <=> [b.size, b] and (a.size <=> b.size) < 0 || a.size == b.size && a < b }

class RunningMedian
  def initialize
    @low = PriorityQueue.new { |a, b| a > b }
    @high = PriorityQueue.new
  end

  def add(number)
    (@low.empty? || number <= @low.peek ? @low : @high) << number
    @high << @low.pop if @low.size > @high.size + 1
    @low << @high.pop if @high.size > @low.size
    median
  end

  def median = @low.size > @high.size ? @low.peek : (@low.peek + @high.peek) / 2.0
end
median = RunningMedian.new
p [5, 15, 1, 3, 2, 8, 7, 9, 10, 6, 11, 4].map { |n| median.add(n) }

def merge(*lists)
  heads = PriorityQueue.new { |a, b| a[0] < b[0] }
  enums = lists.map(&:each)
  pull = lambda do |index|
    heads << [enums[index].next, index]
  rescue StopIteration
    nil
  end
  lists.each_index(&pull)
  merged = []
  until heads.empty?
    value, index = heads.pop
    merged << value
    pull.call(index)
  end
  merged
end
p merge([1, 4, 7, 10], [2, 5, 8], [], [3, 6, 9, 11, 12])

hamming = Enumerator.new do |out|
  seen = { 1 => true }
  heap = PriorityQueue.new([1])
  loop do
    value = heap.pop
    out << value
    [2, 3, 5].each do |factor|
      next if seen[value * factor]

      seen[value * factor] = true
      heap << value * factor
    end
  end
end
p hamming.take(20), hamming.lazy.select(&:odd?).first(8), hamming.each_with_index.first(3)
