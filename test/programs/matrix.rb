# Matrices of Integers, Rationals and Floats: products, determinants, inverses, powers.
class Matrix
  include Enumerable

  attr_reader :rows

  def self.[](*rows) = new(rows)

  def self.identity(size)
    new(Array.new(size) { |i| Array.new(size) { |j| i == j ? 1 : 0 } })
  end

  def initialize(rows)
    unless rows.map(&:size).uniq.size == 1
      raise ArgumentError, "rows differ in size: #{rows.map(&:size).inspect}"
    end

    @rows = rows.map(&:dup).freeze
  end

  def size = [rows.size, rows.first.size]
  def [](i, j) = rows.fetch(i).fetch(j)
  def square? = size.uniq.size == 1
  def transpose = Matrix.new(rows.transpose)
  def trace = rows.each_with_index.sum { |row, i| row[i] }
  def map(&block) = Matrix.new(rows.map { |row| row.map(&block) })

  def each(&block)
    return enum_for(:each) unless block

    rows.flatten(1).each(&block)
    self
  end

  def +(other) = combine(other) { |a, b| a + b }
  def -(other) = combine(other) { |a, b| a - b }
  def ==(other) = other.is_a?(Matrix) && rows == other.rows

  def *(other)
    return map { |x| x * other } if other.is_a?(Numeric)
    raise ArgumentError, "#{size.join('x')} times #{other.size.join('x')}" unless size[1] == other.size[0]

    columns = other.rows.transpose
    Matrix.new(rows.map { |row| columns.map { |column| row.zip(column).sum { |a, b| a * b } } })
  end

  def **(power)
    return inverse**-power if power < 0
    return Matrix.identity(rows.size) if power.zero?

    half = self**(power / 2)
    power.even? ? half * half : half * half * self
  end

  def determinant
    work = rows.map { |row| row.map { |x| x.is_a?(Integer) ? Rational(x) : x } }
    sign = 1
    work.each_index do |i|
      pivot = (i...work.size).find { |r| work[r][i] != 0 } or return 0
      unless pivot == i
        work[i], work[pivot] = work[pivot], work[i]
        sign = -sign
      end
      (i + 1...work.size).each do |r|
        factor = work[r][i] / work[i][i]
        work[r] = work[r].zip(work[i]).map { |a, b| a - factor * b }
      end
    end
    work.each_with_index.inject(sign) { |product, (row, i)| product * row[i] }
  end

  def inverse
    n = rows.size
    work = rows.each_with_index.map { |row, i| row.map { |x| Rational(x) } + Matrix.identity(n).rows[i] }
    n.times do |i|
      pivot = (i...n).find { |r| work[r][i] != 0 } or raise ZeroDivisionError, "matrix is singular"
      work[i], work[pivot] = work[pivot], work[i]
      lead = work[i][i]
      work[i] = work[i].map { |x| x / lead }
      n.times do |r|
        next if r == i

        factor = work[r][i]
        work[r] = work[r].zip(work[i]).map { |a, b| a - factor * b }
      end
    end
    Matrix.new(work.map { |row| row[n..] })
  end

  def to_s
    texts = rows.map { |row| row.map(&:to_s) }
    widths = texts.transpose.map { |column| column.map(&:size).max }
    texts.map { |row| "[ #{row.zip(widths).map { |t, w| t.rjust(w) }.join('  ')} ]" }.join("\n")
  end

  def inspect = "Matrix#{rows.inspect}"

  private

  def combine(other)
    raise ArgumentError, "sizes differ" unless size == other.size

    Matrix.new(rows.zip(other.rows).map { |a, b| a.zip(b).map { |x, y| yield x, y } })
  end
end

a = Matrix[[1, 2], [3, 4]]
b = Matrix[[0, 1], [1, 0]]
puts a + b, a - b, a * b, a * 3, a.transpose
p a, a.size, a.trace, a.determinant, a[1, 0], a.to_a, a.max, a.include?(4), a.each_slice(3).to_a
puts a.inverse, a.inverse * a == Matrix.identity(2).map { |x| Rational(x) }
puts Matrix[[1, 1], [1, 0]]**90
puts Matrix[[2, 0, 1], [1, 3, 2], [1, 1, 4]].determinant, Matrix[[2, 0, 1], [1, 3, 2], [1, 1, 4]].inverse
puts Matrix[[0.5, 1.25], [2.0, 4.0]] * Matrix[[2.0], [4.0]]
puts Matrix[[0, 2], [3, 4]].determinant
p a.select(&:even?), a.sort_by { |x| -x }, a.reduce(:+), a.each_with_index.to_a.last
[-> { a * Matrix[[1, 2, 3]] }, -> { Matrix[[1], [1, 2]] }, -> { Matrix[[1, 2], [2, 4]].inverse }, -> { a[2, 0] }].each do |f|
  f.call
rescue StandardError => e
  puts "#{e.class}: #{e.message}"
end
