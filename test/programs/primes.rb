# Primes in several ways: a sieve, trial division, Miller-Rabin, factors, perfect numbers.
def sieve(limit)
  flags = Array.new(limit + 1, true)
  flags[0] = flags[1] = false
  (2..Integer.sqrt(limit)).each do |n|
    next unless flags[n]

    (n * n).step(limit, n) { |multiple| flags[multiple] = false }
  end
  flags.each_index.select { |n| flags[n] }
end

def factors(number)
  found = Hash.new(0)
  divisor = 2
  while divisor * divisor <= number
    while (number % divisor).zero?
      found[divisor] += 1
      number /= divisor
    end
    divisor += divisor == 2 ? 1 : 2
  end
  found[number] += 1 if number > 1
  found
end

def prime?(number)
  return false if number < 2
  return true if [2, 3].include?(number)
  return false if number.even?

  odd = number - 1
  twos = 0
  while odd.even?
    odd >>= 1
    twos += 1
  end
  [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37].all? do |base|
    next true if base % number == 0

    x = base.pow(odd, number)
    next true if x == 1 || x == number - 1

    (twos - 1).times.any? { (x = x * x % number) == number - 1 }
  end
end

def divisors(number)
  factors(number).map { |prime, power| (0..power).map { |n| prime**n } }
                 .inject([1]) { |all, powers| all.product(powers).map { |a, b| a * b } }.sort
end

primes = sieve(100)
puts primes.each_slice(10).map { |slice| slice.map { |n| n.to_s.rjust(3) }.join }.join("\n")
puts "#{sieve(20_000).size} primes below 20000"
p primes.each_cons(2).select { |a, b| b - a == 2 }
p (1..100).select { |n| prime?(n) } == primes

[360, 97, 1001, 65_536, 600_851_475_143, 999_983].each do |number|
  text = factors(number).map { |prime, power| power == 1 ? prime.to_s : "#{prime}^#{power}" }.join(" * ")
  puts "#{number} = #{text}"
end
p divisors(360)
p (2..9000).select { |n| n % 2 == 0 && divisors(n).sum == 2 * n }
p [2**31 - 1, 2**61 - 1, 2**67 - 1, 2**89 - 1, 3_215_031_751].map { |n| prime?(n) }
p (1..20).reduce(:lcm), 48.gcd(180), [12, 18, 27].reduce(:gcd)

lazy = (1..Float::INFINITY).lazy.select { |n| prime?(n) }
p lazy.first(12), lazy.map { |n| n * n }.reject { |n| n % 10 == 9 }.first(5)
goldbach = ->(n) { primes.find { |a| prime?(n - a) }.then { |a| [a, n - a] } }
puts [4, 28, 100].map { |n| "%d = %d + %d" % [n, *goldbach[n]] }
totient = ->(n) { (1..n).count { |k| k.gcd(n) == 1 } }
p (1..20).map(&totient)
p 10.downto(1).partition(&:odd?), 255.digits(16), 3.pow(200, 13), -7 / 2, -7 % 3, -7.remainder(3), 7.divmod(-2)
collatz = Enumerator.produce(27) { |n| n.even? ? n / 2 : 3 * n + 1 }.take_while { |n| n != 1 }
puts "#{collatz.size} steps, highest #{collatz.max}"
