#=> ok
class Empties
  def initialize(*all) = @all = all
  def to_json(*)
    @all.each(&:clear)
    GC.start
    100.times { 'x' * 100 }
    '0'
  end
end
a = (1..50).to_a
h = { 'k' => 'v' * 100 }
20.times { |i| h["key #{i}"] = 'v' * 100 }
e = Empties.new(a, h)
a.unshift(e)
h['e'] = e
h['last'] = ['x' * 1000]
[JSON.generate([a, 1]).size, JSON.generate(h).size]
