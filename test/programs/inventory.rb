# Serializing and querying data by hand: a JSON-like writer and reader, joins, grouping, pivoting, diffs.
module Notation
  module_function

  def dump(value, indent = 0)
    pad = "  " * indent
    case value
    when Hash
      return "{}" if value.empty?

      "{\n" + value.map { |k, v| "#{pad}  #{k.to_s.inspect}: #{dump(v, indent + 1)}" }.join(",\n") + "\n#{pad}}"
    when Array then value.empty? ? "[]" : "[" + value.map { |v| dump(v, indent) }.join(", ") + "]"
    when String then value.inspect
    when Numeric, true, false then value.to_s
    when nil then "null"
    when Symbol then value.to_s.inspect
    else value.respond_to?(:to_h) ? dump(value.to_h, indent) : raise(TypeError, "cannot write a #{value.class}")
    end
  end

  def load(text) = Reader.new(text).read

  class Reader
    def initialize(text)
      @chars = text.chars
      @at = 0
    end

    def read
      value = element
      space
      raise ArgumentError, "trailing #{@chars[@at].inspect}" if @at < @chars.size

      value
    end

    private

    def peek = @chars[@at]
    def space = (@at += 1 while [" ", "\n", "\t"].include?(peek))

    def take(char)
      space
      raise ArgumentError, "expected #{char.inspect} at #{@at}, got #{peek.inspect}" unless peek == char

      @at += 1
    end

    def element
      space
      case peek
      when "{" then sequence("{", "}") { [string, take(":") && element] }.to_h
      when "[" then sequence("[", "]") { element }
      when '"' then string
      when "0".."9", "-" then number
      else word
      end
    end

    def sequence(open, close)
      take(open)
      items = []
      loop do
        space
        break if peek == close

        items << yield
        space
        peek == "," ? take(",") : break
      end
      take(close)
      items
    end

    def string
      take('"')
      text = +""
      until peek == '"'
        raise ArgumentError, "text is not closed" if peek.nil?

        if peek == "\\"
          @at += 1
          text << { "n" => "\n", "t" => "\t", "e" => "\e" }.fetch(peek, peek)
        else
          text << peek
        end
        @at += 1
      end
      @at += 1
      text
    end

    def number
      start = @at
      @at += 1 while peek && "+-.eE0123456789".include?(peek)
      text = @chars[start...@at].join
      text.include?(".") || text.include?("e") ? Float(text) : Integer(text)
    end

    def word
      { "true" => true, "false" => false, "null" => nil }.each do |name, value|
        next unless @chars[@at, name.size].join == name

        @at += name.size
        return value
      end
      raise ArgumentError, "unexpected #{peek.inspect} at #{@at}"
    end
  end
end

Product = Struct.new(:id, :name, :price, :tags, keyword_init: true)
products = [[1, "Lamp", 29.9, %w[home light]], [2, "Desk", 199.0, %w[home]], [3, "Pen", 1.25, []]].map { |id, name, price, tags| Product.new(id: id, name: name, price: price, tags: tags) }
orders = [{ product: 1, count: 2, month: "Jan" }, { product: 3, count: 100, month: "Jan" }, { product: 1, count: 1, month: "Feb" }, { product: 2, count: 1, month: "Mar" }, { product: 9, count: 5, month: "Mar" }]

text = Notation.dump("products" => products, "empty" => {}, "ok" => true, "none" => nil, "quote" => "a \"b\"\n\\", "n" => [-1, 2.5, 1e30])
puts text
p Notation.load(text)["products"][0], Notation.load(text).keys, Notation.load(text)["quote"], Notation.dump(Notation.load(text)) == text
['{"a": }', "[1, 2", "\"open", "nul", "[1] x", ""].each do |bad|
  Notation.load(bad)
rescue ArgumentError => e
  puts e.message
end

by_id = products.to_h { |product| [product.id, product] }
joined = orders.filter_map { |order| (product = by_id[order[:product]]) && order.merge(name: product.name, total: (product.price * order[:count]).round(2)) }
joined.each { |row| puts row.values_at(:month, :name, :count, :total).join("\t") }
pivot = joined.group_by { |r| r[:name] }.transform_values { |rows| rows.group_by { |r| r[:month] }.transform_values { |list| list.sum { |r| r[:total] } } }
months = joined.map { |r| r[:month] }.uniq
puts ["", *months].map { |m| m.rjust(8) }.join
pivot.sort.each { |name, cells| puts [name, *months.map { |m| cells.key?(m) ? "%.2f" % cells[m] : "-" }].map { |c| c.rjust(8) }.join }
p orders.map { |o| o[:product] } - by_id.keys, orders.sum { |o| o[:count] }, orders.partition { |o| o[:count] > 4 }.map(&:size), orders.each_with_index.max_by { |o, i| [o[:count], i] }.last

before = { a: 1, b: { c: 2, d: [1, 2] }, e: 5 }
after = { a: 1, b: { c: 3, d: [1, 2, 3] }, f: 6 }
changes = lambda do |one, other, path = []|
  (one.keys | other.keys).flat_map do |key|
    x, y = one[key], other[key]
    next [] if x == y
    next changes.call(x, y, path + [key]) if x.is_a?(Hash) && y.is_a?(Hash)

    [[(path + [key]).join("."), one.key?(key) ? x : :absent, other.key?(key) ? y : :absent]]
  end
end
changes.(before, after).each { |name, x, y| puts "#{name}: #{x.inspect} -> #{y.inspect}" }
p before.merge(after) { |_, x, y| [x, y] }, before.dig(:b, :d, 1), before.to_a.flatten(1).size, before.reject { |_, v| v.is_a?(Hash) }, before.min_by { |k, _| k.to_s }, before.invert.key(:a), before.any? { |k, v| v == 5 }, before.sum { |_, v| v.is_a?(Integer) ? v : 0 }, before.find { |_, v| v.is_a?(Hash) }, before.each_with_object({}) { |(k, v), h| h[v.class] = k }, before.sort_by { |k, _| -k.to_s.ord }.first, before.reduce(0) { |n, (_, v)| n + (v.is_a?(Integer) ? v : 10) }, before.group_by { |_, v| v.class }.keys, before.filter_map { |k, v| k if v == 1 }, before.transform_keys(&:to_s).keys, before.slice(:a, :z), before.except(:b), before.compact.size, before.count, before.delete(:e), before.key?(:e), before.fetch_values(:a), before.first, before.zip([1, 2]).last, before.each_slice(1).to_a.size, before.default, before.entries.size, before.dup.clear, before.select { |k, _| k == :a }, before.partition { |k, _| k == :a }.last.size, before.map { |k, v| [k, v.class] }.to_h, before.inject { |x, y| x + y }.size, before.update(z: 26).keys, before.length, before.key(26), before.values.last, before.store(:q, 1), before.shift, before.to_a.last, before.keep_if { |k, _| k == :q }, before.empty?, before.delete_if { true }, before.eql?({}), Hash.new { |h, k| h[k] = k * 2 }[4], Hash.new(7)[:x], Hash[[[1, 2]]], [[1, 2]].to_h { |x, y| [y, x] }, { a: 1 } <= { a: 1, b: 2 }, { a: 1 }.filter_map { |k, v| v }, { b: 1, a: 2 }.sort.to_h, { a: nil }.compact, { a: { b: { c: 1 } } }.dig(:a, :b, :c), { a: 1 }.each_pair.to_a, { a: 1 }.sum { |k, v| v }, { a: 2 }.flat_map { |k, v| [k] * v }, { 1 => 2 }.each_entry.to_a, { x: 1 }.then { |h| { **h, y: 2 } }, { "a" => 1, b: 2, nil => 3, 1.5 => 4, [1] => 5 }
