# Set algebra: relations, a student register, power sets, graph of friends.
require "set"

evens = Set.new([2, 4, 6, 8, 10])
primes = Set[2, 3, 5, 7]
squares = Set.new(1..3) { |n| n * n }
p evens, primes, squares, evens | primes, evens & primes, evens - primes, (evens ^ primes).sort
p evens.include?(4), evens === 5, evens.size, Set[].empty?, Set.new.inspect, evens.to_a, evens.first, evens.min
p Set[1, 2].subset?(Set[1, 2, 3]), Set[1, 2] <= Set[1, 2], Set[1, 2] < Set[1, 2], Set[1, 2, 3] >= Set[3], Set[1, 2] == Set[2, 1]
p evens.disjoint?(Set[1, 3]), evens.intersect?(primes), primes.superset?(Set[2, 3]), primes.proper_superset?(primes)
p primes.add?(2), primes.add?(11), primes.delete(11).size, primes.add(13).include?(13), (primes << 13).size
p evens.map { |n| n / 2 }.to_set, evens.group_by { |n| n % 3 }, evens.partition { |n| n > 5 }, evens.select(&:positive?).class
p [3, 1, 3, 2, 1].to_set, (1..5).to_set.superset?([1, 2].to_set), "hello".each_char.to_set.size, { a: 1 }.to_set

nested = Set[Set[1], Set[2], Set[1]]
p nested.size, nested.include?(Set[2]), nested.flatten, { Set[1, 2] => :found }[Set[2, 1]]

def power_set(set)
  set.inject([Set.new]) { |all, element| all + all.map { |subset| subset | [element] } }
end
puts power_set(Set[1, 2, 3]).map { |s| "{#{s.to_a.join(',')}}" }.join(" ")

courses = {
  math: Set["ann", "bob", "cid", "dan"],
  art: Set["bob", "eve", "dan"],
  music: Set["eve", "fay", "ann"]
}
all = courses.values.reduce(:|)
puts "everybody: #{all.sort.join(', ')}"
courses.keys.combination(2) do |one, other|
  puts "#{one} and #{other}: #{(courses[one] & courses[other]).sort.inspect}, only #{one}: #{(courses[one] - courses[other]).sort.inspect}"
end
in_one = all.select { |name| courses.values.one? { |set| set.include?(name) } }
p in_one.sort, all.to_a.max_by { |name| [courses.count { |_, set| set.include?(name) }, name] }

class Relation
  attr_reader :pairs

  def initialize(*pairs) = @pairs = pairs.to_set
  def domain = @pairs.flat_map(&:itself).to_set
  def reflexive? = domain.all? { |x| @pairs.include?([x, x]) }
  def symmetric? = @pairs.all? { |a, b| @pairs.include?([b, a]) }

  def transitive?
    @pairs.all? { |a, b| @pairs.all? { |c, d| b != c || @pairs.include?([a, d]) } }
  end

  def closure
    result = @pairs.dup
    loop do
      added = result.to_a.product(result.to_a).select { |(_, b), (c, _)| b == c }.map { |(a, _), (_, d)| [a, d] }
      break if added.all? { |pair| result.include?(pair) }

      result.merge(added)
    end
    Relation.new(*result)
  end
end

relation = Relation.new([1, 2], [2, 3], [3, 4])
p relation.transitive?, relation.closure.transitive?, relation.closure.pairs.sort, relation.symmetric?, relation.domain.sort
p Relation.new([1, 1], [2, 2]).reflexive?

bag = Set.new
%w[a b c].each { |x| bag << x }
bag.delete_if { |x| x == "b" }
bag.merge(%w[x y]).merge(["z"])
p bag, bag.reject { |x| x > "x" }.sort, bag.to_a.join("-"), bag.each_slice(2).to_a, bag.sum("")
bag.clear
p bag, bag.frozen?, Set[1].freeze.frozen?, Set[1, [2]].hash == Set[[2], 1].hash
p Set[3, 1, 2].sort_by { |x| -x }, Set[1, 2, 3].each_with_index.map { |x, i| x * i }, Set["a", :a, 1, 1.0, nil].size
