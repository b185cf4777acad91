# Roman numerals, number words, and other ways to write a number.
class Integer
  ROMAN = { 1000 => "M", 900 => "CM", 500 => "D", 400 => "CD", 100 => "C", 90 => "XC", 50 => "L",
            40 => "XL", 10 => "X", 9 => "IX", 5 => "V", 4 => "IV", 1 => "I" }.freeze

  def to_roman
    raise RangeError, "#{self} has no roman form" unless between?(1, 3999)

    rest = self
    ROMAN.each_with_object(+"") do |(value, letters), text|
      count, rest = rest.divmod(value)
      text << letters * count
    end
  end

  def ordinal
    ending = (11..13).cover?(abs % 100) ? "th" : { 1 => "st", 2 => "nd", 3 => "rd" }.fetch(abs % 10, "th")
    "#{self}#{ending}"
  end
end

class String
  def from_roman
    values = each_char.map { |char| Integer::ROMAN.key(char) or raise ArgumentError, "no roman digit: #{char.inspect}" }
    values.each_cons(2).sum { |a, b| a < b ? -a : a } + values.last
  end
end

module Words
  SMALL = %w[zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
             sixteen seventeen eighteen nineteen].freeze
  TENS = %w[_ _ twenty thirty forty fifty sixty seventy eighty ninety].freeze
  SCALES = [[10**9, "billion"], [10**6, "million"], [1000, "thousand"], [100, "hundred"]].freeze

  module_function

  def of(number)
    return "minus #{of(-number)}" if number.negative?
    return SMALL[number] if number < 20

    if number < 100
      tens, ones = number.divmod(10)
      return ones.zero? ? TENS[tens] : "#{TENS[tens]}-#{SMALL[ones]}"
    end
    scale, name = SCALES.find { |value, _| number >= value }
    count, rest = number.divmod(scale)
    [of(count), name, rest.zero? ? nil : of(rest)].compact.join(" ")
  end
end

[1, 4, 9, 14, 40, 90, 400, 1066, 1984, 1999, 2024, 3999].each do |n|
  puts "#{n.to_s.rjust(4)} #{n.to_roman.ljust(12)} #{n.to_roman.from_roman == n} #{n.ordinal.rjust(7)} #{Words.of(n)}"
end
puts (1..3999).all? { |n| n.to_roman.from_roman == n }
puts (1..3999).map(&:to_roman).max_by(&:size)
puts (1..3999).sum { |n| n.to_roman.size }

[-> { 0.to_roman }, -> { 4000.to_roman }, -> { "MMXZ".from_roman }].each do |attempt|
  attempt.call
rescue RangeError, ArgumentError => e
  puts "#{e.class.name}: #{e.message}"
end

puts [0, 7, 13, 20, 21, 99, 100, 101, 999, 1000, 12_345, 1_000_001, -42, 2_000_000_000].map { |n| Words.of(n) }
puts [1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 111, 112, 1003].map(&:ordinal).join(" ")
puts 255.to_s(2).rjust(12, "0"), "%#x %#o %#b" % [255, 255, 255], "%08.3f" % 3.14159, "%+05d" % 42, "%e" % 12345.678
puts "0b1010".to_i(0), "0x1f".to_i(16), "0o17".oct, "ff".hex, "12abc".to_i, "z".to_i(36), Integer("0b11", 2), Integer("0x1F", 16)
puts (1..20).map { |n| n % 15 == 0 ? "FizzBuzz" : n % 5 == 0 ? "Buzz" : n % 3 == 0 ? "Fizz" : n }.join(" ")
puts 1234567.digits.each_slice(3).map { |d| d.join.reverse }.reverse.join("_")
puts 987_654_321.to_s.chars.map { |c| %w[〇 一 二 三 四 五 六 七 八 九][c.to_i] }.join
