# Publish and subscribe with blocks, middleware, undo, observers, currying and composition.
class EventBus
  Subscription = Struct.new(:pattern, :priority, :handler, :once)

  def initialize
    @subscriptions = []
    @middleware = []
    @errors = []
  end

  attr_reader :errors

  def on(pattern, priority: 0, once: false, &handler)
    raise ArgumentError, "no block given" unless handler

    subscription = Subscription.new(pattern, priority, handler, once)
    @subscriptions << subscription
    -> { @subscriptions.delete(subscription) }
  end

  def once(pattern, **options, &handler) = on(pattern, **options, once: true, &handler)
  def use(&middleware) = @middleware << middleware

  def emit(name, *args, **payload)
    chain = @middleware.reverse.inject(->(n, a, pl) { deliver(n, a, pl) }) do |inner, outer|
      ->(n, a, pl) { outer.call(n, a, pl, inner) }
    end
    chain.call(name, args, payload)
  end

  private

  def deliver(name, args, payload)
    matching = @subscriptions.select { |s| s.pattern === name }.sort_by.with_index { |s, i| [-s.priority, i] }
    matching.count do |subscription|
      @subscriptions.delete(subscription) if subscription.once
      subscription.handler.call(*args, **payload)
      true
    rescue StandardError => e
      @errors << "#{name}: #{e.message}"
      false
    end
  end
end

bus = EventBus.new
seen = []
off = bus.on(:login) { |user| seen << "login #{user}" }
bus.on(:login, priority: 10) { |user, from: "?"| seen << "first #{user} from #{from}" }
bus.once(:login) { seen << "welcome" }
bus.on(->(name) { name.to_s.start_with?("log") }) { |*args| seen << "log #{args.inspect}" }
bus.on("a".."m") { |x| seen << "range #{x}" }
bus.on(:login) { raise "handler failed" }
p bus.emit(:login, "ann"), bus.emit(:login, "bob", from: "home"), bus.emit(:logout), bus.emit("c", 1), bus.emit(:other)
off.call
p bus.emit(:login, "cid"), seen, bus.errors

calls = []
bus.use { |name, args, payload, inner| calls << "in #{name}"; inner.call(name, args, payload).tap { calls << "out" } }
bus.use { |name, args, payload, inner| name == :secret ? 0 : inner.call(name, args.map(&:to_s).map(&:upcase), payload) }
p bus.emit(:login, "dan", :x), bus.emit(:secret, 1), seen.last, calls
begin
  bus.on(:x)
rescue ArgumentError => e
  puts e.message
end

class Editor
  attr_reader :text

  def initialize
    @text = ""
    @done = []
    @undone = []
  end

  def insert(string, at: @text.size)
    perform(-> { @text = @text.dup.insert(at, string) }, -> { @text = @text[0...at] + @text[at + string.size..] })
  end

  def delete(range)
    removed = @text[range]
    at = range.begin
    perform(-> { @text = @text[0...at] + @text[at + removed.size..] }, -> { @text = @text.dup.insert(at, removed) })
  end

  def undo = move(@done, @undone, :last)
  def redo = move(@undone, @done, :first)

  private

  def perform(forth, back)
    forth.call
    @done << [forth, back]
    @undone.clear
    self
  end

  def move(from, to, which)
    pair = from.pop or return self
    pair.public_send(which).call
    to << pair
    self
  end
end
editor = Editor.new
editor.insert("hello").insert(" world").insert(",", at: 5)
p editor.text, editor.delete(0..4).text, editor.undo.text, editor.undo.text, editor.redo.text, editor.undo.undo.undo.undo.text

add = ->(a, b, c) { a + b + c }
double = proc { |x| x * 2 }
increment = :succ.to_proc
p add.curry[1][2][3], add.curry.(1, 2).(3), (double >> increment).call(5), (double << increment).call(5), [1, 2].map(&double)
p (method(:Integer) >> double).call("21"), %w[1 2].map(&method(:Integer)), add.arity, double.arity, add.lambda?, double.lambda?
p proc { |a, (b, *c), d = 5, *e| [a, b, c, d, e] }.call(1, [2, 3, 4]), proc { |a, b| [a, b] }.call([1, 2]), lambda(&add).equal?(add)
def yielder
  return :none unless block_given?

  [yield(1), yield(2, 3), yield([4, 5])]
end
p yielder { |a, b| [a, b] }, yielder, yielder(&:to_s), yielder { |a, b = :d, *c| [a, b, c] }
counter = 0
increase = -> { counter += 1 }
3.times(&increase) rescue 3.times { increase.() }
p counter, [3, 1, 2].sort_by(&:-@), [[1, 2], [3, 4]].map { |a, b| a * b }, [[1, [2, 3]]].map { |a, (b, c)| a + b + c }, %w[a b].zip([0, 1]).to_h
def early(list) = list.each { |x| return x if x > 1 } && nil
p early([1, 2, 3]), early([0]), [1, 2, 3].each { |x| break x * 10 if x == 2 }, (1..4).each_with_object([]) { |x, acc| next if x.odd?; acc << x }
