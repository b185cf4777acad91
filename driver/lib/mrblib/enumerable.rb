module Enumerable
  alias __max max
  alias __min min

  # The n greatest or least, if a number is given.
  def max(count = nil, &block)
    return __max(&block) unless count
    sort(&block).reverse.first(count)
  end

  def min(count = nil, &block)
    return __min(&block) unless count
    sort(&block).first(count)
  end

  # Compared by <=>: what they are chosen by may be an Array.
  def max_by(count = nil, &block)
    return to_enum(:max_by, *count) unless block
    return sort_by(&block).reverse.first(count) if count
    __chosen_by(block) { |order| order > 0 }
  end

  def min_by(count = nil, &block)
    return to_enum(:min_by, *count) unless block
    return sort_by(&block).first(count) if count
    __chosen_by(block) { |order| order < 0 }
  end

  def minmax_by(&block)
    return to_enum(:minmax_by) unless block
    [min_by(&block), max_by(&block)]
  end

  def __chosen_by(block)
    first = true
    chosen = nil
    best = nil
    each do |*values|
      rank = block.call(*values)
      unless first
        order = rank <=> best
        raise ArgumentError, "comparison of #{rank.class} with #{best.inspect} failed" unless order
        next unless yield(order)
      end
      first = false
      chosen = values.size > 1 ? values : values[0]
      best = rank
    end
    chosen
  end

  def compact = to_a.compact
  def to_set(*arguments, &block) = Set.new(self, *arguments, &block)

  # Of Floats with what is lost by each addition kept beside, as CRuby does: [0.1] * 10 make 1.0.
  def sum(total = 0, &block)
    lost = nil
    each do |*values|
      value = values.size > 1 ? values : values[0]
      value = block.call(value) if block
      if value.is_a?(Float) && (total.is_a?(Float) || total.is_a?(Integer) || total.is_a?(Rational))
        total = total.to_f
        lost ||= 0.0
      elsif lost && value.is_a?(Numeric)
        value = value.to_f
      end
      if lost && value.is_a?(Float)
        sum = total + value
        if sum.finite?
          lost += total.abs >= value.abs ? (total - sum) + value : (value - sum) + total
        end
        total = sum
      else
        total += value
      end
    end
    lost && total.is_a?(Float) && total.finite? ? total + lost : total
  end

  def grep_v(pattern)
    found = []
    each do |*values|
      value = values.size > 1 ? values : values[0]
      found << (block_given? ? yield(value) : value) unless pattern === value
    end
    found
  end

  def each_entry(*arguments, &block)
    return to_enum(:each_entry, *arguments) unless block
    each(*arguments) { |*values| block.call(values.size > 1 ? values : values[0]) }
    self
  end

  # Cuts between two elements where the block says so.
  def slice_when(&block)
    raise ArgumentError, "wrong number of arguments (given 0, expected 1)" unless block
    __slices { |one, other| block.call(one, other) }
  end

  def chunk_while(&block)
    raise ArgumentError, "no block given" unless block
    __slices { |one, other| !block.call(one, other) }
  end

  def slice_before(pattern = nil, &block)
    __slices { |_, other| block ? block.call(other) : pattern === other }
  end

  def slice_after(pattern = nil, &block)
    __slices { |one, _| block ? block.call(one) : pattern === one }
  end

  def __slices(&cut)
    all = self
    Enumerator.new do |out|
      slice = nil
      before = nil
      all.each_entry do |value|
        if slice.nil?
          slice = [value]
        elsif cut.call(before, value)
          out << slice
          slice = [value]
        else
          slice << value
        end
        before = value
      end
      out << slice if slice
    end
  end

  def chunk(&block)
    return to_enum(:chunk) unless block
    all = self
    Enumerator.new do |out|
      key = nil
      values = nil
      all.each_entry do |value|
        now = block.call(value)
        if now.nil? || now == :_separator
          out << [key, values] if values
          values = nil
        elsif now == :_alone
          out << [key, values] if values
          out << [now, [value]]
          values = nil
        elsif values && key == now
          values << value
        else
          out << [key, values] if values
          key = now
          values = [value]
        end
      end
      out << [key, values] if values
    end
  end
end

class Array
  def to_ary = self

  def sort_by!(&block)
    return to_enum(:sort_by!) unless block
    replace(sort_by(&block))
  end
end

class Hash
  def fetch(key, *default)
    raise ArgumentError, "wrong number of arguments (given #{default.size + 1}, expected 1..2)" if default.size > 1
    return self[key] if key?(key)
    return yield(key) if block_given?
    raise KeyError, "key not found: #{key.inspect}" if default.empty?
    default[0]
  end

  def to_hash = self
  def assoc(key) = key?(key) ? [key, self[key]] : nil

  def rassoc(value)
    each { |key, other| return [key, other] if other == value }
    nil
  end
end

class Range
  def step(by = 1, &block)
    raise ArgumentError, "step can't be 0" if by == 0
    raise ArgumentError, "step can't be negative" if by.is_a?(Numeric) && by < 0
    range = self
    return Enumerator.new { |out| range.step(by) { |value| out << value } } unless block
    first = self.begin
    if first.is_a?(Float) || self.end.is_a?(Float) || by.is_a?(Float)
      first.__step_floats(self.end, by, exclude_end?, &block)
    elsif first.is_a?(Numeric)
      value = first
      last = self.end
      while last.nil? || value < last || value == last && !exclude_end?
        block.call(value)
        value += by
      end
    else
      index = -1
      each { |value| block.call(value) if (index += 1) % by == 0 }
    end
    self
  end

  alias % step

  def bsearch(&block)
    return to_enum(:bsearch) unless block
    low = self.begin
    high = self.end
    raise TypeError, "can't do binary search for #{low.class}" unless low.is_a?(Integer) && high.is_a?(Integer)
    high -= 1 if exclude_end?
    found = nil
    while low <= high
      middle = (low + high) / 2
      case answer = block.call(middle)
      when true
        found = middle
        high = middle - 1
      when false, nil then low = middle + 1
      when 0 then return middle
      else answer < 0 ? high = middle - 1 : low = middle + 1
      end
    end
    found
  end
end

class Set
  # The same for the same elements, in whatever order they came.
  def hash = inject(size) { |sum, value| sum ^ value.hash }
end

class Enumerator
  class Lazy
    def with_index(first = 0, &block)
      index = first - 1
      map do |value|
        index += 1
        next [value, index] unless block
        block.call(value, index)
        value
      end
    end
    alias each_with_index with_index

    def filter_map(&block) = map(&block).select { |value| value }
    def compact = reject(&:nil?)
    def grep_v(pattern, &block) = reject { |value| pattern === value }.then { |all| block ? all.map(&block) : all }
    def eager = Enumerator.new { |out| each { |value| out << value } }
  end
end
