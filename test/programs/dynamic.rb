# Dynamic programming: knapsack, longest common subsequence, edit distance, partitions, Pascal.
Item = Struct.new(:name, :weight, :value, keyword_init: true)

def knapsack(items, capacity)
  best = Array.new(items.size + 1) { Array.new(capacity + 1, 0) }
  items.each.with_index(1) do |item, i|
    (0..capacity).each do |room|
      without = best[i - 1][room]
      with = item.weight <= room ? best[i - 1][room - item.weight] + item.value : 0
      best[i][room] = [without, with].max
    end
  end
  room = capacity
  chosen = items.size.downto(1).select do |i|
    next if best[i][room] == best[i - 1][room]

    room -= items[i - 1].weight
    true
  end
  [best.last.last, chosen.map { |i| items[i - 1] }.reverse]
end

items = [["map", 9, 150], ["compass", 13, 35], ["water", 153, 200], ["sandwich", 50, 160], ["glucose", 15, 60],
         ["tin", 68, 45], ["banana", 27, 60], ["apple", 39, 40], ["cheese", 23, 30], ["camera", 32, 30]]
        .map { |name, weight, value| Item.new(name: name, weight: weight, value: value) }
value, chosen = knapsack(items, 200)
puts "#{value}: #{chosen.map(&:name).join(', ')} (#{chosen.sum(&:weight)})"
p items.first, Item.members, items.first.to_h, Item.new(name: "x")
begin
  Item.new(name: "x", size: 1)
rescue ArgumentError => e
  puts e.message
end

def lcs(a, b)
  table = Hash.new("")
  a.each_char.with_index do |x, i|
    b.each_char.with_index do |y, j|
      table[[i, j]] = x == y ? table[[i - 1, j - 1]] + x : [table[[i - 1, j]], table[[i, j - 1]]].max_by(&:size)
    end
  end
  table[[a.size - 1, b.size - 1]]
end
p lcs("AGGTAB", "GXTXAYB"), lcs("programming", "gaming"), lcs("abc", "xyz")

def distance(a, b)
  row = (0..b.size).to_a
  a.each_char.with_index(1) do |x, i|
    last, row[0] = row[0], i
    b.each_char.with_index(1) do |y, j|
      last, row[j] = row[j], [row[j] + 1, row[j - 1] + 1, last + (x == y ? 0 : 1)].min
    end
  end
  row.last
end
%w[kitten sitting flaw lawn saturday sunday ruby ruby].each_slice(2) { |a, b| puts "#{a} -> #{b}: #{distance(a, b)}" }

def align(a, b)
  scores = Hash.new { |h, (i, j)| h[[i, j]] = i.zero? ? -j : j.zero? ? -i : [h[[i - 1, j - 1]] + (a[i - 1] == b[j - 1] ? 1 : -1), h[[i - 1, j]] - 1, h[[i, j - 1]] - 1].max }
  i, j = a.size, b.size
  top, bottom = +"", +""
  while i > 0 || j > 0
    if i > 0 && j > 0 && scores[[i, j]] == scores[[i - 1, j - 1]] + (a[i - 1] == b[j - 1] ? 1 : -1)
      top.prepend(a[i -= 1])
      bottom.prepend(b[j -= 1])
    elsif i > 0 && scores[[i, j]] == scores[[i - 1, j]] - 1
      top.prepend(a[i -= 1])
      bottom.prepend("-")
    else
      top.prepend("-")
      bottom.prepend(b[j -= 1])
    end
  end
  [top, bottom]
end
puts align("GATTACA", "GCATGCU")

def longest_increasing(list)
  best = []
  list.each { |x| best << [*best.select { |seq| seq.last < x }.max_by(&:size), x] }
  best.max_by(&:size)
end
p longest_increasing([10, 9, 2, 5, 3, 7, 101, 18]), longest_increasing([7, 7, 7])

partitions = Hash.new { |hash, (n, k)| hash[[n, k]] = n.zero? ? 1 : k.zero? || n < 0 ? 0 : hash[[n - k, k]] + hash[[n, k - 1]] }
p (1..12).map { |n| partitions[[n, n]] }, partitions.size
coins = [1, 5, 10, 25, 50]
ways = coins.inject([1] + [0] * 100) { |table, coin| (coin..100).each { |n| table[n] += table[n - coin] }; table }
p ways.last, ways.values_at(5, 10, 50)

pascal = Enumerator.produce([1]) { |row| [0, *row].zip([*row, 0]).map(&:sum) }
rows = pascal.take(8)
width = rows.last.join(" ").size
rows.each { |row| puts row.join(" ").center(width).rstrip }
p rows.map(&:sum), rows.last.each_cons(2).map { |a, b| b - a }

max = [-2, 1, -3, 4, -1, 2, 1, -5, 4].inject([0, 0]) { |(best, here), x| here = [here + x, 0].max; [[best, here].max, here] }
p max
chain = ->(dims) { n = dims.size - 1; cost = Hash.new { |h, (i, j)| h[[i, j]] = i == j ? 0 : (i...j).map { |k| h[[i, k]] + h[[k + 1, j]] + dims[i] * dims[k + 1] * dims[j + 1] }.min }; cost[[0, n - 1]] }
p chain[[40, 20, 30, 10, 30]]
