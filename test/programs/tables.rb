# Text tables: format, ljust, rjust, center, alignment by type, boxes, bars, a calendar.
class Table
  Column = Struct.new(:title, :width, :align)

  def initialize(*titles)
    @titles = titles
    @rows = []
  end

  def add(*cells)
    raise ArgumentError, "#{cells.size} cells for #{@titles.size} columns" unless cells.size == @titles.size

    @rows << cells
    self
  end

  def to_s
    line = "+-" + columns.map { |c| "-" * c.width }.join("-+-") + "-+"
    [line, row(@titles, columns.map { :center }), line, *@rows.map { |r| row(r.map { |c| text(c) }, columns.map(&:align)) }, line].join("\n")
  end

  private

  def columns
    @columns ||= @titles.each_with_index.map do |title, i|
      cells = @rows.map { |r| r[i] }
      Column.new(title, [title, *cells.map { |c| text(c) }].map(&:size).max, cells.all?(Numeric) ? :right : :left)
    end
  end

  def row(cells, aligns)
    "| " + cells.zip(columns, aligns).map { |cell, column, align|
      case align
      when :right then cell.rjust(column.width)
      when :left then cell.ljust(column.width)
      when :center then cell.center(column.width)
      end
    }.join(" | ") + " |"
  end

  def text(cell)
    case cell
    when Float then format("%.2f", cell)
    when nil then "-"
    when true, false then cell ? "yes" : "no"
    else cell.to_s
    end
  end
end

table = Table.new("Planet", "Moons", "Radius", "Rings")
table.add("Mercury", 0, 2439.7, false).add("Earth", 1, 6371.0, false).add("Saturn", 146, 58_232.123, true).add("Pluto (?)", 5, 1188.3, nil)
puts table
begin
  table.add(1, 2)
rescue ArgumentError => e
  puts e.message
end

puts "%-10s|%10s|%05d|%+d|%x|%X|%#x|%o|%b|%08b|%e|%g|%G|%%|%c|%c" % ["left", "right", 42, 42, 255, 255, 255, 8, 5, 5, 12345.678, 0.00001, 1e20, "A", 66]
puts "%5.1f|%-8.3f|%08.2f|%+.2e|% d|%s|%p|%-5s|%5s|%.2s" % [3.14159, 2.71828, -3.14159, 12345.678, 5, nil, nil, :ab, true, "abcdef"]
puts format("%<name>-8s is %<age>3d years and %<size>.1f m, %{name}", name: "Ann", age: 33, size: 1.75)
puts format("%2$s %1$s", "world", "hello"), format("%*d|%-*d|", 6, 42, 6, 42), format("%c%c%c", 72, "i", 33), format("%x", -255), format("%b", -5), format("%.0f %.0f %.0f", 0.5, 1.5, 2.5)
puts format("%3d%%|%-3d|% 5d|%+05d|%s", 7, 7, 7, 7, [1, "a", nil]), "%s" % :sym, "%d apples" % 3, "%s-%s" % %w[a b], "%05s|%-5s|" % %w[ab ab], "%10.4f|" % Math::PI, "%.10g %.3g %g" % [0.1, 1234.5, 100000.0]
puts [1.0, 1.5, 100.0, 1e10, 1e15, 1e16, 1.0e-4, 1.0e-5, 0.1 + 0.2, 1 / 3.0, 2e-9, 123_456_789.123, -0.0, 1e100].map(&:to_s).inspect
puts 3.14159.round(2), 2.5.round, 3.5.round, -2.5.round, 1234.567.round(-2), 0.5.floor, -0.5.ceil, 1e20.to_i, 12.0 / 5, 7.fdiv(2), 10.0.to_s, 1_000_000.0.to_s

data = { "apples" => 12, "pears" => 7, "cherries" => 31, "figs" => 2 }
widest = data.keys.map(&:length).max
most = data.values.max
data.sort_by { |_, n| -n }.each { |name, n| puts "#{name.rjust(widest)} #{('#' * (n * 30.0 / most).round).ljust(30, '.')} #{n.to_s.rjust(3)} #{(n * 100.0 / data.values.sum).round(1)}%" }

def calendar(title, first_weekday, days)
  lines = [title.center(20).rstrip, "Su Mo Tu We Th Fr Sa"]
  cells = [""] * first_weekday + (1..days).to_a
  lines + cells.each_slice(7).map { |week| week.map { |day| day.to_s.rjust(2) }.join(" ") }
end
puts calendar("February 2024", 4, 29)

box = ->(text) { lines = text.lines.map(&:chomp); w = lines.map(&:size).max; ["╔#{'═' * w}╗", *lines.map { |l| "║#{l.center(w)}║" }, "╚#{'═' * w}╝"] }
puts box.call("Ruby\nin the BEAM\nüöä")
puts "abc".ljust(6, "12") + "|", "abc".rjust(8, "12"), "abc".center(10, "<>"), "ab\tc".inspect, "tab\tend", "x".center(0), "é".ljust(3, "*"), "a,b,,c,,".split(",").inspect, "a,b,,c,,".split(",", -1).inspect, " a  b ".split.inspect, "abc".split("").inspect, "a-b_c".tr("-_", "  "), "hello"[1..], "hello"[-3..-2], "hello"[10].inspect, "title case".capitalize, "swap CASE".swapcase, "aaa".sub("a", "b"), "aaa".gsub("a") { |m| m.upcase }, "hello world".delete("lo"), "mississippi".squeeze, "mississippi".squeeze("s"), "hello".count("l-o"), "hello".index("l"), "hello".rindex("l"), "ab" <=> "b", "a".ord, "abc".succ, "az".succ, "Zz".succ, "a9".succ, "abc".include?("bc"), "hello world".start_with?("hell"), "x=1;y=2".split(";").map { |pair| pair.split("=") }.to_h, "ab\n".chomp + "|", "abc".chop, "  strip ".strip + "|", " l".lstrip, "r ".rstrip + "|", "abc".prepend(">"), "a".upto("e").to_a.join, "hello".each_char.to_a.uniq.size, "prefix-x".delete_prefix("prefix-"), "x.rb".delete_suffix(".rb"), "CamelCase".each_char.map { |c| c == c.upcase ? "_#{c.downcase}" : c }.join, "snake_case_word".split("_").map.with_index { |w, i| i.zero? ? w : w.capitalize }.join, "abc".insert(1, "-"), "ab".eql?("ab"), "ab".equal?("ab"), "abc".hash == "abc".hash, "a\\b\"c\#{}\e".inspect, 'single #{x}'.inspect, "é\u{1F600}".inspect, :"odd sym".inspect, :a?.inspect, :[]=.inspect, "abc".slice(0, 2), "hello world".partition(" ").inspect, "a.b.c".rpartition(".").inspect, "line1\nline2".each_line.map(&:chomp).inspect, "abc".casecmp("ABC"), "abc".casecmp?("ABC"), "%.3f" % 2, "ab" * 3, "a".."e", "abc".unpack("a1 a1").inspect, "hello".tr("a-y", "b-z"), "hello".sum, "abc".bytes.inspect, "z".next, "abc".each_char.with_index.map { |c, i| c * (i + 1) }.join("-")
