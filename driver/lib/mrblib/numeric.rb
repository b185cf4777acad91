class Numeric
  def integer? = false
  def real? = true
  def real = self
  def imaginary = 0
  def conj = self
  def fdiv(other) = to_f / other
  alias imag imaginary
  alias magnitude abs
  alias conjugate conj

  def coerce(other)
    return [other, self] if other.class == self.class
    [Float(other), to_f]
  end

  def div(other)
    raise ZeroDivisionError, "divided by 0" if other == 0
    (self / other).floor
  end

  def %(other) = self - other * div(other)
  def divmod(other) = [div(other), self % other]
  alias modulo %

  def remainder(other)
    rest = self % other
    rest != 0 && (self < 0) != (other < 0) ? rest - other : rest
  end

  # A step of Float is counted, so that rounding errors do not add up.
  def step(limit = nil, step = 1, by: nil, to: nil, &block)
    step = by if by
    limit = to if to
    raise ArgumentError, "step can't be 0" if step == 0
    return __steps(limit, step) unless block
    if is_a?(Float) || limit.is_a?(Float) || step.is_a?(Float)
      __step_floats(limit, step, &block)
    else
      value = self
      if limit.nil?
        loop { block.call(value); value += step }
      elsif step > 0
        while value <= limit
          block.call(value)
          value += step
        end
      else
        while value >= limit
          block.call(value)
          value += step
        end
      end
    end
    self
  end

  def __steps(limit, step)
    first = self
    Enumerator.new { |out| first.step(limit, step) { |value| out << value } }
  end

  def __step_floats(limit, step, exclusive = false)
    first = to_f
    step = step.to_f
    endless = limit.nil?
    limit = limit ? limit.to_f : (step > 0 ? Float::INFINITY : -Float::INFINITY)
    count = (limit - first) / step
    if step.infinite?
      yield first if step > 0 ? first <= limit : first >= limit
    elsif count.nan? && !endless
      yield first # from one infinity to the same: once, as mruby has it
    elsif count.infinite? || count.nan?
      count = Float::INFINITY if endless
      index = 0
      while count > 0
        yield first + index * step
        index += 1
      end
    else
      error = (first.abs + limit.abs + (limit - first).abs) / step.abs * Float::EPSILON
      error = 0.5 if error > 0.5
      last = exclusive ? (count - error).ceil - 1 : (count + error).floor
      index = 0
      while index <= last
        value = first + index * step
        value = limit if !exclusive && (step > 0 ? value > limit : value < limit)
        yield value
        index += 1
      end
    end
  end
end

class Integer
  def self.sqrt(number)
    number = number.to_int unless number.is_a?(Integer)
    raise Math::DomainError, "Numerical argument is out of domain - \"isqrt\"" if number < 0
    return Math.sqrt(number).floor if number < 1 << 50
    root = 1 << (number.bit_length + 1) / 2
    while (better = (root + number / root) >> 1) < root
      root = better
    end
    root
  end

  def integer? = true
  def even? = self & 1 == 0
  def odd? = self & 1 == 1
  def pred = self - 1
  def ord = self
  def numerator = self
  def denominator = 1
  def size = 8
  def [](bit) = bit < 0 ? 0 : (self >> bit) & 1
  def bit_length = self < -1 || self > 0 ? (self < 0 ? ~self : self).to_s(2).size : 0
  def lcm(other) = self == 0 || other == 0 ? 0 : (self / gcd(other) * other).abs
  def gcdlcm(other) = [gcd(other), lcm(other)]
  def rationalize(*) = to_r
  alias magnitude abs
  remove_method :step

  def floor(digits = 0) = digits < 0 ? self - self % 10**-digits : self
  def ceil(digits = 0) = digits < 0 ? self + -self % 10**-digits : self
  def truncate(digits = 0) = self < 0 ? ceil(digits) : floor(digits)

  def round(digits = 0, half: :up)
    return self if digits >= 0
    unit = 10**-digits
    rest = abs % unit
    whole = abs - rest
    up = rest * 2 <=> unit
    up = half.nil? || half.to_sym == :up || half.to_sym == :even && (whole / unit).odd? ? 1 : -1 if up == 0
    whole += unit if up > 0
    self < 0 ? -whole : whole
  end

  # Of large ones only the leading digits count, which a Float has room for.
  def fdiv(other)
    return to_f / other if !other.is_a?(Integer) || other == 0 || (bit_length < 53 && other.bit_length < 53)
    shift = other.bit_length - bit_length + 66
    quotient = shift < 0 ? self / (other << -shift) : (self << shift) / other
    Math.ldexp(quotient.to_f, -shift)
  end

  alias __pow pow

  def pow(exponent, modulus = nil)
    return __pow(exponent) unless modulus
    (self % modulus).__pow(exponent, modulus)
  end

  def gcd(other)
    raise TypeError, "not an integer" unless other.is_a?(Integer)
    one = abs
    other = other.abs
    one, other = other, one % other while other != 0
    one
  end
end

class Float
  def to_int = to_i
  def numerator = to_r.numerator
  def denominator = to_r.denominator
  def prev_float = -((-self).next_float)
  alias magnitude abs
  remove_method :step

  # Of all that are read as this number, the one with the smallest denominator.
  def rationalize(error = nil)
    return to_r.rationalize(error) if error || self == to_i
    fraction, exponent = Math.frexp(self)
    digits = (fraction * (1 << 54)).to_i # twice as many as it has, for a half more or less
    Rational.__simplest(digits - 1, 1 << (54 - exponent), digits + 1, 1 << (54 - exponent))
  end

  alias __round round

  def round(digits = 0, half: nil)
    if half.nil? || half.to_sym == :up
      return __round(digits) if digits > 0 || abs < 1 << 52
      return to_i.round(digits)
    end
    return self if digits > 14
    rounded = to_r.round(digits, half: half)
    digits > 0 ? rounded.to_f : rounded
  end

  def next_float
    return self if nan? || self == Float::INFINITY
    return -Float::MAX if self == -Float::INFINITY
    return Math.ldexp(1.0, -1074) if self == 0
    fraction, exponent = Math.frexp(self)
    exponent = -1021 if exponent < -1021
    unit = Math.ldexp(1.0, exponent - 53)
    fraction == -0.5 && exponent > -1021 ? self + unit / 2 : self + unit
  end
end

class Rational
  # Between two numbers, each as numerator and denominator.
  def self.__simplest(low, below, high, under)
    return -__simplest(-high, under, -low, below) if high < 0
    return Rational(0, 1) if low <= 0
    terms = []
    while true
      whole, rest = low.divmod(below)
      if rest == 0
        terms << whole
        break
      elsif (whole + 1) * under <= high
        terms << whole + 1
        break
      end
      terms << whole
      low, below, high, under = under, high - whole * under, below, rest
    end
    one = 1
    other = 0
    terms.reverse_each { |term| one, other = term * one + other, one }
    Rational(one, other)
  end

  def coerce(other)
    return [other.to_r, self] if other.is_a?(Integer) || other.is_a?(Rational)
    [Float(other), to_f]
  end

  def floor(digits = 0)
    return numerator.div(denominator) if digits == 0
    __digits(digits) { |number| number.floor }
  end

  def ceil(digits = 0)
    return -(-numerator).div(denominator) if digits == 0
    __digits(digits) { |number| number.ceil }
  end

  def truncate(digits = 0)
    negative? ? ceil(digits) : floor(digits)
  end

  def round(digits = 0, half: :up)
    return __digits(digits) { |number| number.round(half: half) } if digits != 0
    double = numerator.abs * 2
    whole = (double + denominator).div(denominator * 2)
    if double % (denominator * 2) == denominator && (half&.to_sym == :down || half&.to_sym == :even && whole.odd?)
      whole -= 1
    end
    negative? ? -whole : whole
  end

  def __digits(digits)
    raise TypeError, "not an integer" unless digits.is_a?(Integer)
    scale = 10**digits.abs
    return yield(self / scale) * scale if digits < 0
    Rational(yield(self * scale), scale)
  end

  def rationalize(error = nil)
    return self unless error
    low = self - error.abs
    high = self + error.abs
    Rational.__simplest(low.numerator, low.denominator, high.numerator, high.denominator)
  end

  alias __pow **

  def **(other)
    return __pow(other) unless other.is_a?(Integer)
    return Rational(numerator**other, denominator**other) if other >= 0
    raise ZeroDivisionError, "divided by 0" if numerator == 0
    Rational(denominator**-other, numerator**-other)
  end

  def zero? = numerator == 0
  def positive? = numerator > 0
  def abs = negative? ? -self : self
  alias magnitude abs
end
