# pp of values that fit into a line and of those that do not; p, inspect, puts, print, putc, printf.
require "pp"
require "set"

Point = Struct.new(:x, :y)
Line = Struct.new(:from, :to, :label)

class Plain
  def initialize(*values) = (@first, @second = values)
end

class Shown
  def inspect = "#<Shown on purpose>"
end

pp 1, "text", :symbol, nil, [1, 2, 3], { a: 1, "b" => [2, nil] }, 1..2, 1.5, Point.new(1, 2), Set[1, 2], Shown.new
pp (1..40).to_a
pp (1..12).to_h { |n| ["key #{n}", "value " * 2] }
pp [["short"], ["a longer text, which takes a lot of room" * 2], [1, [2, ["deeply nested " * 4, ["and again " * 5]]]]]
pp({ name: "configuration", list: (1..30).to_a, nested: { "some key" => { inner: "x" * 60, other: [nil, true] } } })
pp({ "a key which is long by itself, but not too long" => "and a value that does not fit behind it at all", 1 => 2 })
pp Line.new(Point.new(1_000_000, 2_000_000), Point.new(3_000_000, 4_000_000), "a label that makes it too long")
pp [Point.new(1, 2)] * 6
pp (1..4).map { |n| Line.new(Point.new(n, n * 100_000_000_000), nil, "label " * 6) }
pp Set.new((1..30).map { |n| n * 1000 })
pp "line one\nline two\n"
pp [[]] * 3, {}, [], [{}], "", [nil] * 3
list = ["x" * 78]
pp list, ["y" * 75], ["z" * 76, 1], { k: "v" * 70 }, { k: "v" * 75 }
cycle = [1]
cycle << cycle
pp cycle
p pp, pp(5), pp(1, 2)

p 1, "a", nil
p
p [1, [2, { a: "b" }]], { 1 => :a, nil => "x", [1] => { x: 1 } }, :sym, "q\"uote", 'a\b', "tab\t", 1.0, 1e20, 2**70, 1r, (1..), true
puts [1, [2, [nil, "three"]]], [], nil, true, 1.0, :sym
puts "no newline twice\n", ""
print "a", 1, nil, :b, [1, nil], "\n"
$stdout.puts "stdout"
$stdout.print "x", "y\n"
$stdout << "chained " << 1 << "\n"
$stdout.write("written\n", 2, "\n")
putc "A"
putc 10
printf("%-5s|%05.1f|%s\n", "ab", 3.14159, [1])
$stdout.printf("%d\n", 7)
puts Plain.new(1, nil).inspect.start_with?("#<Plain:0x"), Shown.new.inspect, Point.new(1, "a").inspect, Point.new(1).to_s, Plain.name, Point.inspect
puts "#{Point.new(1, 2)} #{[1, nil]} #{{ a: nil }} #{:sym} #{nil}|"
display_result = "shown".display
puts
p display_result, "text".pretty_inspect, [1].pretty_inspect
