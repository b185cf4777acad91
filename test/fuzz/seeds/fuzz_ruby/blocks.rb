x = [3, 1, 2].each_with_index.map { |a, (b, c), *d| a + (b || 0) }.select(&:odd?)
y = ->(a, b = a, *c, k: 1) { return a }
x.inject { |s, v| break s if v > 9; next s + v } + y.(1)
