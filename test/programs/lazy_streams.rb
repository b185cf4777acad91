# Enumerators: lazy pipelines, generators, external iteration, chains.
require "set"

naturals = Enumerator.new do |out|
  n = 0
  loop { out << (n += 1) }
end

p naturals.lazy.map { |n| n * n }.select(&:even?).reject { |n| n % 3 == 0 }.first(5)
p naturals.lazy.take_while { |n| n < 8 }.to_a, naturals.lazy.drop(3).take(2).to_a, naturals.lazy.drop_while { |n| n < 5 }.first
p naturals.lazy.flat_map { |n| [n] * n }.first(7), naturals.lazy.zip(naturals.lazy.map { |n| -n }).first(3)
p naturals.lazy.with_index.map { |n, i| n * i }.first(4), naturals.lazy.uniq { |n| n % 4 }.first(4), naturals.lazy.filter_map { |n| n * 2 if n.odd? }.first(3)
p naturals.each_slice(3).first(2), naturals.each_cons(2).first(3), naturals.each_with_index.first(2), naturals.take(3), naturals.first, naturals.include?(50)
p (1..Float::INFINITY).lazy.map { |x| x * 2 }.first(2), (1..20).lazy.select(&:even?).map { |x| x + 1 }.to_a.sum, (1..3).lazy.force, (1..3).lazy.eager.class

log = []
result = (1..6).lazy.map { |n| log << "map #{n}"; n * 10 }.select { |n| log << "select #{n}"; n > 20 }.first(2)
p result, log

fib = Enumerator.produce([0, 1]) { |a, b| [b, a + b] }.lazy.map(&:first)
p fib.first(12), fib.select(&:odd?).first(5), fib.find { |n| n > 1000 }, fib.take_while { |n| n < 50 }.to_a.last

external = [10, 20, 30].each
p external.next, external.peek, external.next, external.next
begin
  external.next
rescue StopIteration => e
  puts "stopped: #{e.message}"
end
external.rewind
p external.next, external.size
a = [1, 2, 3].each
b = %w[a b c d].each
pairs = []
loop { pairs << [a.next, b.next] }
p pairs, [4, 5].each_with_index.to_a, %w[x y].each.with_index(1).map { |s, i| s * i }, [1, 2].cycle.first(5), %w[a b].each_entry.to_a

class Tree
  include Enumerable

  Node = Struct.new(:value, :left, :right)

  def initialize(*values) = values.each { |v| insert(v) }

  def insert(value)
    @root = put(@root, value)
    self
  end
  alias << insert

  def each(&block)
    return to_enum unless block

    walk(@root, &block)
    self
  end

  def each_level
    return to_enum(:each_level) unless block_given?

    level = [@root].compact
    until level.empty?
      yield level.map(&:value)
      level = level.flat_map { |node| [node.left, node.right] }.compact
    end
  end

  private

  def put(node, value)
    return Node.new(value) unless node

    value < node.value ? node.left = put(node.left, value) : node.right = put(node.right, value)
    node
  end

  def walk(node, &block)
    return unless node

    walk(node.left, &block)
    yield node.value
    walk(node.right, &block)
  end
end
tree = Tree.new(50, 30, 70, 20, 40, 60, 80)
p tree.to_a, tree.each_level.to_a, tree.min, tree.max, tree.sum, tree.sort.first(2), tree.each_slice(3).to_a, tree.reverse_each.first(2)
p tree.lazy.map { |v| v / 10 }.reject(&:even?).to_a, tree.inject(:+), tree.partition { |v| v > 45 }, tree.each_cons(2).all? { |x, y| x < y }
p tree.min_by { |v| (v - 44).abs }, tree.group_by { |v| v % 3 }, tree.zip(tree.drop(1)).first(2), tree.each_with_index.select { |_, i| i.even? }.map(&:first)
p tree.chunk_while { |x, y| y - x == 10 }.to_a.size, tree.to_set.size, tree.tally.values.uniq, tree.find_index(60), tree.first, tree.first(2), tree.entries.size
p tree.reduce { |x, y| x * 2 + y }, tree.minmax, tree.sum { |v| v / 10.0 }, tree.each_entry.to_a.last, tree.include?(65), tree.none? { |v| v > 90 }, tree.cycle.take(9).last
enum = tree.each
p enum.next, enum.next, enum.peek
generator = Enumerator.new(3) { |y| y.yield(1, 2); y << 3 << 4; :done }
p generator.to_a, generator.next, generator.next, generator.with_index(1).to_a, (generator.rewind.next)
chained = [1, 2].each + [3] + (4..5).each
p chained.to_a, chained.map { |x| x * 2 }, chained.lazy.select(&:odd?).to_a
def numbers
  return enum_for(:numbers) unless block_given?

  yield 1
  yield 2
  yield 3
end
p numbers.map { |x| x + 1 }, numbers.with_object([]).each { |x, acc| acc << x }, numbers.inject(:*), numbers.each_slice(2).map(&:sum)
p (1..10).each_slice(4).with_index.map { |slice, i| slice.sum * i }, ("a".."e").each_cons(2).map(&:join), 1.step(10, 4).to_a, 10.downto(7).select(&:even?), 3.times.to_a
p (1..3).flat_map { |x| [x] * x }.chunk(&:odd?).to_a, (1..10).slice_when { |x, y| y % 4 == 0 }.to_a, (1..6).each_entry.partition(&:even?), %w[a b c].zip(1..3).to_h
