# catch and throw, exceptions with retry and ensure, jumps out of blocks, pattern-like case.
def search(grid, wanted)
  catch(:found) do
    grid.each_with_index do |row, y|
      row.each_with_index { |value, x| throw :found, [x, y] if value == wanted }
    end
    nil
  end
end
grid = [[1, 2, 3], [4, 5, 6]]
p search(grid, 5), search(grid, 9), catch { |tag| 10.times { |i| throw tag, i if i == 3 }; :never }
p catch(:outer) { catch(:inner) { throw :outer, 1 }; 2 }, catch(:a) { 7 }
begin
  throw :nobody
rescue UncaughtThrowError => e
  puts "#{e.class}: #{e.message}"
end

class AppError < StandardError
  def initialize(msg = "something went wrong", code: 500)
    super(msg)
    @code = code
  end
  attr_reader :code
end
Flaky = Class.new(StandardError)
class NotFound < AppError
  def initialize(what) = super("#{what} not found", code: 404)
end

def attempt(log)
  log << :begin
  yield
rescue NotFound => e
  log << "#{e.code} #{e.message}"
  :missing
rescue AppError, ZeroDivisionError => e
  log << e.message
  :failed
else
  log << :else
  :fine
ensure
  log << :ensure
end
log = []
p attempt(log) { 1 }, attempt(log) { raise NotFound, "page" }, attempt(log) { raise AppError }, attempt(log) { 1 / 0 }, attempt(log) { raise AppError.new("custom", code: 1) }
p log
begin
  attempt([]) { raise "runtime" }
rescue => e
  p e.class, e.message, e.is_a?(StandardError)
end

tries = 0
begin
  tries += 1
  raise Flaky, "try #{tries}" if tries < 3
  puts "worked after #{tries}"
rescue Flaky => e
  puts e.message
  retry
end

def order
  steps = []
  begin
    begin
      steps << 1
      raise "a"
    ensure
      steps << 2
    end
  rescue => e
    steps << e.message
    begin
      raise TypeError, "b"
    rescue TypeError => inner
      steps << inner.message
    end
  ensure
    steps << 3
  end
  steps
end
p order

def returns
  [1, 2, 3].each do |x|
    begin
      return x if x == 2
    ensure
      puts "leaving #{x}"
    end
  end
end
p returns
result = [1, 2, 3, 4].each_with_index do |x, i|
  next if x.odd?
  break x * 100 if i > 2
end
p result
p (1..3).map { |x| next 0 if x == 2; x }, [3, 1].each { |x| break }, loop { break :out }, (loop do raise StopIteration, "x" end).inspect

def classify(value)
  case value
  when nil then "nothing"
  when Integer, Float
    case
    when value.zero? then "zero"
    when value.negative? then "negative"
    else "positive #{value.class}"
    end
  when "", [], {} then "empty #{value.class}"
  when "a".."f" then "a letter up to f"
  when String then "text of #{value.size}"
  when Symbol, true, false then "constant #{value.inspect}"
  when ->(v) { v.respond_to?(:each) } then "collection of #{value.count}"
  else "some #{value.class}"
  end
end
[nil, 0, -1.5, 42, 2.5, "", [], {}, "c", "hello", :sym, true, [1, 2], 1..4, { a: 1 }, Object.new].each { |v| puts classify(v) }

a, (b, *c), d = 1, [2, 3, 4], 5
first, *middle, last = *1..5
h, = [9, 8]
x = y = []
x << 1
(m, n), o = [[1, 2], 3]
a, d = d, a
p [a, b, c, d, first, middle, last, h, y, m, n, o]
def keywords(one, two = one * 2, *rest, key:, other: nil, **more, &block) = [one, two, rest, key, other, more, block&.call]
p keywords(1, key: :k), keywords(1, 2, 3, key: 1, other: 2, extra: 3) { 4 }, keywords(*[1, 2], **{ key: 0 })
def defaults(a, b = a + 1, c = b + 1) = [a, b, c]
p defaults(1), defaults(1, 5), defaults(*[1, 2, 3]), (defaults rescue "ArgumentError")
i = 10
i -= 1 while i > 3
j = 0
begin j += 1 end until j >= 5
k = [*1..3, *[4], 5]
total = 0
for n in k do total += n end
p i, j, k, n, total, (i > 3 or j), (not i.nil?), (true && nil).inspect, i.positive? ? :yes : :no
puts [1, 2, 3].sum.then { |s| s > 5 ? "big" : "small" }, __method__.inspect, [nil, false, 0, ""].map { |v| v ? 1 : 0 }.inspect, (nil&.size).inspect, [1, nil, 2].compact.inspect
flag ||= 5
flag &&= flag + 1
hash = Hash.new(0)
hash[:a] += 1
hash[:b] ||= 7
p flag, hash, (hash[:zz] = 1), hash.fetch(:zz)
puts "%s and %p" % ["text", "text"], "a" "b" 'c', <<~ONE + <<~'TWO'
  interpolated #{1 + 1}
ONE
  raw #{1 + 1}
TWO
