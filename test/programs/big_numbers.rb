# Integers of any size: digits of pi and e, factorials, Fibonacci numbers, bases, square roots.
def pi_digits(count)
  digits = []
  q, r, t, k, n, l = 1, 0, 1, 1, 3, 3
  while digits.size < count
    if 4 * q + r - t < n * t
      digits << n
      n, q, r = (10 * (3 * q + r)) / t - 10 * n, q * 10, 10 * (r - n * t)
    else
      n, r = (q * (7 * k) + 2 + r * l) / (t * l), (2 * q + r) * l
      q *= k
      t *= l
      l += 2
      k += 1
    end
  end
  digits
end

def e_digits(count)
  scale = 10**(count + 10)
  term = scale
  sum = 0
  n = 1
  while term > 0
    sum += term
    term /= n
    n += 1
  end
  sum.to_s[0, count]
end

def grouped(number) = number.to_s.reverse.chars.each_slice(3).map(&:join).join(",").reverse

def fibonacci(n)
  return [0, 1] if n.zero?

  a, b = fibonacci(n / 2)
  c = a * (2 * b - a)
  d = a * a + b * b
  n.even? ? [c, d] : [d, c + d]
end

class Integer
  def factorial = (2..self).inject(1, :*)
  def digit_sum = digits.sum
  def palindrome? = to_s == to_s.reverse
end

digits = pi_digits(100)
puts "#{digits.first}.#{digits.drop(1).each_slice(10).map(&:join).join(' ')}"
puts e_digits(60)
[10, 20, 30, 50].each { |n| puts "#{n}! = #{grouped(n.factorial)}" }
puts 100.factorial.digit_sum, (2**1000).digit_sum, 200.factorial.to_s.size
[10, 100, 300].each { |n| puts "F(#{n}) = #{fibonacci(n).first}" }
puts (2**64).to_s(2), (2**64).to_s(16), (36**20 - 1).to_s(36), "zz" * 5, ("zz" * 5).to_i(36)
puts (10**30 / 7), (10**30 % 7), (-(10**30)).divmod(7).inspect, (10**30).fdiv(10**29)
puts (2**100).bit_length, (1 << 70 | 1).to_s(8), (2**80 ^ 2**40) & (2**41 - 1), ~(2**70), (2**70) >> 65
puts Integer.sqrt(2 * 10**60), 2**200 > 2**199, 2**200 == 4**100, (2**200).hash == (4**100).hash
puts 3.pow(1000, 10**20), 7.pow(-1 + 5 * 20), 123_456_789**5
steps = 0
number = 89
until number.palindrome?
  number += number.to_s.reverse.to_i
  steps += 1
end
puts "#{number} after #{steps} steps"
p 12_345_678_901_234_567_890.digits.last(5), (10**20).to_f, 1e22.to_i, (2**70).to_f.to_i == 2**70
p [3**50, 2**79, 5**34].sort, [10**25, -(10**25), 0].minmax, (10**25).coerce(1), -(2**65).abs
perfect = [2, 3, 5, 7, 13, 17, 19, 31, 61].map { |n| 2**(n - 1) * (2**n - 1) }
puts perfect.map { |n| grouped(n) }
puts (2**70).to_s.rjust(40, "."), "#{2**80}".center(40), format("%s|%30s", 2**70, 2**75)
