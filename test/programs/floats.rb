# Floats as text: the shortest digits that give the same number again, of numbers of all sizes.
require 'json'

SEED = [123_456_789]

def random(below)
  SEED[0] = (SEED[0] * 1_103_515_245 + 12_345) % 2_147_483_648
  SEED[0] / 16 % below
end

def show(number)
  text = number.to_s
  same = JSON.generate([number]) == "[#{text}]" && number.inspect == text && text.to_f == number
  puts same ? text : "#{text} is not what JSON and inspect have, or not the number"
end

puts '--- any bits'
1200.times do
  number = [random(65_536), random(65_536), random(65_536), random(65_536)].pack('SSSS').unpack('D')[0]
  show(number) unless number.nan? || number.infinite?
end

puts '--- decimal ones'
800.times do
  show("#{random(10**(1 + random(6)))}.#{random(10_000)}e#{random(42) - 20}".to_f)
end

puts '--- powers of two and their neighbours'
power = 2.0**-1074
while power < 1e308
  show(power)
  show(power * (1 - 2.0**-53)) if power > 1e-300
  show(power * (1 + 2.0**-52)) if power > 1e-300
  power *= 2
end

puts '--- powers of ten'
(-323..308).each { |exponent| show("1e#{exponent}".to_f) }

puts '--- where the point is written, and where an exponent'
400.times do
  show(1e15 + random(32_768) / 8.0)
  show(1e15 * (1 + random(99_000) / 1000.0))
  show(1e-4 * (0.5 + random(1000) / 1000.0))
  show(1e-5 * (0.5 + random(1000) / 1000.0))
end
