# An LRU cache, memoization, and a trie with completion.
class LruCache
  attr_reader :hits, :misses

  def initialize(capacity, &load)
    raise ArgumentError, "capacity must be positive" if capacity < 1

    @capacity = capacity
    @load = load
    @store = {}
    @hits = @misses = 0
  end

  def [](key)
    if @store.key?(key)
      @hits += 1
      @store[key] = @store.delete(key)
    else
      @misses += 1
      self[key] = @load ? @load[key] : nil
    end
  end

  def []=(key, value)
    @store.delete(key)
    @store[key] = value
    @store.shift if @store.size > @capacity
    value
  end

  def to_h = @store.dup
  def ratio = hits.fdiv(hits + misses).round(3)
end

cache = LruCache.new(3) { |n| n * n }
[1, 2, 3, 1, 4, 2, 1, 5, 5, 3].each { |n| cache[n] }
p cache.to_h, cache.hits, cache.misses, cache.ratio
cache[:x] = "y"
p cache.to_h.keys, cache[:x]
begin
  LruCache.new(0)
rescue ArgumentError => e
  puts e.message
end

module Memoize
  def memoize(name)
    original = instance_method(name)
    store = {}
    define_method(name) do |*args|
      store.fetch(args) { store[args] = original.bind(self).call(*args) }
    end
    name
  end
end

class Slow
  extend Memoize

  attr_reader :calls

  def initialize = @calls = 0

  memoize def fib(n)
    @calls += 1
    n < 2 ? n : fib(n - 1) + fib(n - 2)
  end
end

slow = Slow.new
p slow.fib(20), slow.calls
fibonacci = Hash.new { |hash, n| hash[n] = n < 2 ? n : hash[n - 1] + hash[n - 2] }
p fibonacci[30], fibonacci.size, fibonacci.fetch(10), fibonacci.dig(20), fibonacci.key(8)

class Trie
  include Enumerable

  def initialize(*words)
    @root = {}
    words.each { |word| add(word) }
  end

  def add(word)
    node = @root
    word.each_char { |char| node = (node[char] ||= {}) }
    node[:end] = true
    self
  end

  def include?(word) = !!walk(word)&.key?(:end)
  def prefix?(text) = !walk(text).nil?

  def complete(prefix, limit = 5)
    found = []
    node = walk(prefix)
    collect(node, prefix) { |word| found << word } if node
    found.sort.first(limit)
  end

  def each(&block) = block ? collect(@root, "", &block) : enum_for(:each)
  def longest_prefix(text) = (0..text.size).map { |n| text[0, n] }.select { |part| prefix?(part) }.last

  private

  def walk(text) = text.each_char.inject(@root) { |node, char| node && node[char] }

  def collect(node, word, &block)
    yield word if node[:end]
    node.each { |char, child| collect(child, word + char, &block) unless char == :end }
  end
end

trie = Trie.new(*%w[car card care cart cat dog do door])
p trie.include?("car"), trie.include?("ca"), trie.prefix?("ca"), trie.prefix?("x"), trie.complete("car"), trie.complete("do", 2)
p trie.to_a, trie.count, trie.sort_by { |w| [-w.size, w] }.first(3), trie.longest_prefix("carton"), trie.complete("zz")
p trie.add("über").complete("ü"), trie.group_by { |w| w[0] }.transform_values(&:size), trie.each_slice(4).to_a.last
p trie.each.next, trie.lazy.map(&:upcase).reject { |w| w.start_with?("C") }.first(2), trie.reduce { |a, b| a.size >= b.size ? a : b }
