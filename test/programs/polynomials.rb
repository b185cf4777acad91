# Polynomials with operators, and linked lists: classes that behave like those of the core.
require "set"
class Polynomial
  include Comparable

  attr_reader :coefficients

  def self.[](*coefficients) = new(coefficients)
  def self.x = @x ||= new([0, 1])

  def initialize(coefficients)
    @coefficients = coefficients.reverse.drop_while(&:zero?).reverse.freeze
    freeze
  end

  def degree = coefficients.size - 1
  def +(other) = combine(other) { |a, b| a + b }
  def -(other) = combine(other) { |a, b| a - b }
  def -@ = Polynomial.new(coefficients.map(&:-@))
  def [](power) = coefficients.fetch(power, 0)
  def call(x) = coefficients.reverse.inject(0) { |sum, c| sum * x + c }
  def to_proc = method(:call).to_proc
  def derivative = Polynomial.new(coefficients.each_with_index.drop(1).map { |c, i| c * i })
  def integral = Polynomial.new([0, *coefficients.each_with_index.map { |c, i| Rational(c, i + 1) }])
  def <=>(other) = [degree, coefficients.reverse] <=> [other.degree, other.coefficients.reverse]
  def hash = coefficients.hash
  def eql?(other) = other.is_a?(Polynomial) && coefficients == other.coefficients

  def *(other)
    other = lift(other)
    result = Array.new([coefficients.size + other.coefficients.size - 1, 0].max, 0)
    coefficients.each_with_index { |a, i| other.coefficients.each_with_index { |b, j| result[i + j] += a * b } }
    Polynomial.new(result)
  end

  def **(power)
    raise ArgumentError, "negative power" if power.negative?

    power.zero? ? Polynomial[1] : self * self**(power - 1)
  end

  def divmod(other)
    raise ZeroDivisionError, "division by the zero polynomial" if other.degree < 0

    rest = self
    quotient = Polynomial[]
    while rest.degree >= other.degree
      term = Polynomial.new([0] * (rest.degree - other.degree) + [Rational(rest[rest.degree], other[other.degree])])
      quotient += term
      rest -= term * other
    end
    [quotient, rest]
  end

  def gcd(other)
    a, b = self, other
    a, b = b, a.divmod(b).last until b.degree < 0
    a * (1 / Rational(a[a.degree], 1))
  end

  def to_s
    terms = coefficients.each_with_index.reject { |c, _| c.zero? }.reverse.map do |c, power|
      number = c.is_a?(Rational) && c.denominator == 1 ? c.numerator : c
      factor = number == 1 && power > 0 ? "" : number == -1 && power > 0 ? "-" : number.to_s
      factor + ["", "x"].fetch(power, "x^#{power}")
    end
    terms.empty? ? "0" : terms.join(" + ").gsub("+ -", "- ")
  end

  def inspect = "#<Polynomial #{self}>"

  private

  def lift(other) = other.is_a?(Polynomial) ? other : Polynomial[other]

  def combine(other)
    other = lift(other)
    Polynomial.new((0..[degree, other.degree].max).map { |i| yield self[i], other[i] })
  end
end

x = Polynomial.x
a = x**2 - x * 3 + 2
b = Polynomial[-1, 1]
p a, b, a + b, a - a, a * b, -a, a * 2 + 1, a.degree, a[1], a[9], a.call(3), (0..4).map(&a), a.derivative, a.integral
puts "%s / %s = %s, rest %s" % [a, b, *a.divmod(b)], (x**3 - 1).gcd(x**2 - 1), (x + 1)**5
p a == (x - 1) * (x - 2), a > b, [a, b, x, x**3].sort, [a, b].max, { a => 1 }[(x - 1) * (x - 2)], a.frozen?, a.clamp(b, x)
[-> { a.divmod(Polynomial[]) }, -> { a**-1 }, -> { a.instance_variable_set(:@coefficients, 1) }].each do |f|
  f.call
rescue ZeroDivisionError, ArgumentError, FrozenError => e
  puts e.class
end

class List
  include Enumerable

  class Empty
    def each = self
    def empty? = true
  end

  NIL = Empty.new
  attr_reader :head, :tail

  def self.[](*items) = items.reverse.inject(NIL) { |tail, item| new(item, tail) }
  def initialize(head, tail = NIL) = (@head, @tail = head, tail)
  def empty? = false

  def each(&block)
    return enum_for(:each) unless block

    yield head
    tail.each(&block)
    self
  end

  def to_s = "(#{to_a.join(' ')})"
  def reverse = inject(NIL) { |tail, item| List.new(item, tail) }
  def deconstruct = [head, tail]
end
list = List[3, 1, 2]
puts list, list.reverse, list.sort.inspect, list.map { |n| n * 2 }.inspect, List[*list.select(&:odd?)], list.include?(2), list.each_slice(2).to_a.inspect
p list.first, list.min_by { |n| -n }, list.each_with_index.to_a, list.inject(:+), list.lazy.map { |n| n + 1 }.first(2), list.zip(list.reverse), List[].empty?, list.tail.head, list.sum, list.to_a.each_cons(2).to_a, list.entries, list.reduce(1) { |m, n| m * n }, list.each.next, list.partition { |n| n > 1 }, list.sort_by { |n| -n }, list.count, list.to_set.class, list.each_entry.to_a, list.min(2), list.tally, list.find { |n| n < 3 }, list.reject(&:even?), list.group_by(&:odd?), list.minmax, list.take_while { |n| n != 2 }, list.chunk_while { |m, n| m > n }.to_a, list.flat_map { |n| [n] * n }, list.uniq, list.each_with_object([]) { |n, all| all.unshift(n) }, list.none?, list.sum { |n| n / 2.0 }, list.cycle.first(4), list.inject { |m, n| m - n }
