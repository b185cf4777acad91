# Queens, sudoku, the game of life, Hanoi, change for a coin: search and backtracking.
def queens(size, row = 0, columns = [], &block)
  return enum_for(:queens, size) unless block
  return yield(columns.dup) if row == size

  size.times do |column|
    next if columns.each_with_index.any? { |c, r| c == column || (c - column).abs == row - r }

    queens(size, row + 1, columns + [column], &block)
  end
end
p (4..7).map { |n| queens(n).count }, queens(8).first
puts queens(6).first.map { |column| ("." * 6).tap { |line| line[column] = "Q" } }

class Sudoku
  def initialize(text)
    @cells = text.delete("\n ").chars.map(&:to_i)
    @steps = 0
  end

  attr_reader :steps

  def solve
    index, choices = open_cell
    return true unless index

    choices.each do |digit|
      @steps += 1
      @cells[index] = digit
      return true if solve
    end
    @cells[index] = 0
    false
  end

  def to_s = @cells.each_slice(9).map { |row| row.each_slice(3).map { |part| part.join(" ") }.join(" | ") }.each_slice(3).map { |rows| rows.join("\n") }.join("\n" + "-" * 21 + "\n")

  private

  def open_cell
    @cells.each_index.select { |i| @cells[i].zero? }.map { |i| [i, choices(i)] }.min_by { |_, list| list.size }
  end

  def choices(index)
    row, column = index.divmod(9)
    used = (0..8).flat_map do |n|
      box = (row / 3 * 3 + n / 3) * 9 + column / 3 * 3 + n % 3
      [@cells[row * 9 + n], @cells[n * 9 + column], @cells[box]]
    end
    (1..9).to_a - used
  end
end

sudoku = Sudoku.new(<<~GRID)
  530070000 600195000 098000060
  800060003 400803001 700020006
  060000280 000419005 000080079
GRID
puts sudoku.solve, sudoku, sudoku.steps

class Life
  NEIGHBOURS = [-1, 0, 1].product([-1, 0, 1]) - [[0, 0]]

  def self.from(text)
    new(text.lines.each_with_index.flat_map { |line, y| line.chomp.each_char.with_index.select { |c, _| c == "#" }.map { |_, x| [x, y] } })
  end

  attr_reader :alive

  def initialize(alive) = @alive = alive.sort

  def step
    counts = @alive.flat_map { |x, y| NEIGHBOURS.map { |dx, dy| [x + dx, y + dy] } }.tally
    Life.new(counts.select { |cell, n| n == 3 || n == 2 && @alive.include?(cell) }.keys)
  end

  def to_s
    (x0, x1), (y0, y1) = @alive.transpose.map(&:minmax)
    (y0..y1).map { |y| (x0..x1).map { |x| @alive.include?([x, y]) ? "#" : "." }.join }.join("\n")
  end

  def ==(other) = alive == other.alive
end
glider = Life.from(".#.\n..#\n###\n")
4.times { |i| puts "step #{i}:", glider; glider = glider.step }
p glider.alive
blinker = Life.from("###")
p blinker == blinker.step.step, blinker == blinker.step

def hanoi(count, from: :left, to: :right, via: :middle)
  return [] if count.zero?

  [*hanoi(count - 1, from: from, to: via, via: to), [from, to], *hanoi(count - 1, from: via, to: to, via: from)]
end
puts hanoi(3).map { |a, b| "#{a}>#{b}" }.join(" "), hanoi(8).size

ways = lambda { |amount, coins| amount.zero? ? 1 : amount < 0 || coins.empty? ? 0 : ways[amount - coins[0], coins] + ways[amount, coins.drop(1)] }
p ways[100, [50, 20, 10, 5, 2, 1]]
send_more = [*0..9].permutation(4).find { |t, w, o, f| t != 0 && f == 1 && (r = 2 * (100 * t + 10 * w + o)) / 1000 == 1 && r / 100 % 10 == o && [r / 10 % 10, r % 10].none? { |d| [t, w, o, f].include?(d) } && r / 10 % 10 != r % 10 }
p send_more
