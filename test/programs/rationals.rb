# Rational numbers: Egyptian fractions, continued fractions, harmonic sums, a recipe.
def egyptian(fraction)
  parts = []
  while fraction > 0
    unit = (1 / fraction).ceil
    parts << Rational(1, unit)
    fraction -= parts.last
  end
  parts
end

def continued(fraction)
  terms = []
  loop do
    whole = fraction.floor
    terms << whole
    rest = fraction - whole
    break if rest == 0

    fraction = 1 / rest
  end
  terms
end

def convergents(terms)
  (1..terms.size).map { |n| terms.first(n).reverse.inject { |acc, term| term + 1 / acc.to_r }.to_r }
end

def mediant_search(target, limit)
  low = Rational(0)
  high = Rational(1)
  steps = 0
  loop do
    middle = Rational(low.numerator + high.numerator, low.denominator + high.denominator)
    return [low, high, steps] if middle.denominator > limit

    steps += 1
    middle < target ? low = middle : high = middle
  end
end

p Rational(3, 4), Rational(6, -8), 3.to_r, 0.75.to_r, Rational("2/3"), Rational("0.125"), "5/15".to_r, 1.5r, 2/3r
[Rational(7, 15), Rational(5, 121), Rational(4, 13)].each do |fraction|
  begin
    puts "#{fraction} = #{egyptian(fraction).join(' + ')}"
  rescue RangeError
    puts "#{fraction} needs larger numbers"
  end if fraction.denominator < 100
end
p continued(Rational(649, 200)), continued(Rational(415, 93)), convergents([3, 7, 15, 1])
p mediant_search(Rational(618, 1000), 60)

a = Rational(1, 3)
b = Rational(1, 6)
p a + b, a - b, a * b, a / b, a**3, a**-2, -a, a <=> b, a == 2 * b, a.abs, b.zero?, a + 1, 1 - a, 2 * a, 1 / a
p a + 0.5, a.to_f, a.to_i, a.numerator, a.denominator, a.inspect, a.to_s, a.hash == Rational(2, 6).hash
p Rational(7, 2).floor, Rational(7, 2).ceil, Rational(7, 2).round, Rational(-7, 2).round, Rational(5, 2).round(half: :even)
p Rational(-7, 2).truncate, Rational(22, 7).round(3), Rational(22, 7).floor(1), Rational(7, 2) % 1, Rational(7, 2).divmod(2)
p Rational(1, 3).between?(0.3, 0.4), Rational(5, 3).clamp(0, 1), [Rational(1, 2), 0.3, 1].sort, [a, b, 0].max
p 0.333.rationalize(Rational(1, 100)), 3.14.rationalize, 0.1.rationalize, 1.0.rationalize

harmonic = (1..20).inject(Rational(0)) { |sum, n| sum + Rational(1, n) }
puts "H(20) = #{harmonic} = #{format('%.10f', harmonic)}"
puts (1..6).map { |n| (1..n).sum { |k| Rational(1, k * (k + 1)) } }.join(", ")

recipe = { flour: 2 + 1/4r, sugar: 2/3r, butter: 1/2r, eggs: 3r }
mixed = lambda do |amount|
  whole, rest = amount.divmod(1)
  [whole.zero? && rest != 0 ? nil : whole, rest.zero? ? nil : rest].compact.join(" ")
end
[1, Rational(1, 2), Rational(2, 3), 3].each do |factor|
  puts "times #{factor}: " + recipe.map { |what, amount| "#{mixed[amount * factor]} #{what}" }.join(", ")
end
begin
  Rational(1, 0)
rescue ZeroDivisionError => e
  puts e.message
end
p Rational("x", exception: false), recipe.values.sum, recipe.values.sum / recipe.size, recipe.max_by { |_, v| v }
