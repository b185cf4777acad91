class String
  def b = dup
  def ascii_only? = bytes.all? { |byte| byte < 128 }
  def sum(bits = 16) = bytes.sum & ((1 << bits) - 1)
  def to_r = __rational(false)

  alias __each_line each_line

  def each_line(separator = "\n", chomp: false, &block)
    return chomp ? lines(separator, chomp: true).each : to_enum(:each_line, separator) unless block
    return __each_line(separator, &block) unless chomp
    __each_line(separator) { |line| block.call(line.chomp(separator)) }
  end

  def lines(separator = "\n", chomp: false, &block)
    return each_line(separator, chomp: chomp, &block) if block
    return __lines if separator == "\n" && !chomp
    found = []
    each_line(separator, chomp: chomp) { |line| found << line }
    found
  end

  # "-1.5/3" and what follows; all of it must be a number if `strict`.
  def __rational(strict)
    text = strict ? strip : lstrip
    sign = text.start_with?("-") ? -1 : 1
    text = text[1..] if text.start_with?("-") || text.start_with?("+")
    number, rest = text.__take_decimal
    if number && rest.start_with?("/")
      divisor, after = rest[1..].__take_decimal
      number, rest = number / divisor, after if divisor
    end
    if strict && (number.nil? || rest != "")
      raise ArgumentError, "invalid value for convert(): #{inspect}"
    end
    number ? number * sign : Rational(0, 1)
  end

  def __take_digits
    count = 0
    while (byte = getbyte(count)) && (byte >= 48 && byte <= 57 || byte == 95 && count > 0)
      count += 1
    end
    [byteslice(0, count), byteslice(count, bytesize)]
  end

  def __take_decimal
    whole, rest = __take_digits
    return [nil, self] if whole == ""
    number = Rational(whole.to_i, 1)
    if rest.start_with?(".")
      digits, after = rest[1..].__take_digits
      if digits != ""
        digits = digits.delete("_")
        number += Rational(digits.to_i, 10**digits.size)
        rest = after
      end
    end
    if rest.start_with?("e") || rest.start_with?("E")
      negative = rest[1] == "-"
      digits, after = rest[negative || rest[1] == "+" ? 2 : 1..].__take_digits
      if digits != ""
        power = 10**digits.to_i
        number = negative ? number / power : number * power
        rest = after
      end
    end
    [number, rest]
  end
end

class Symbol
  def [](*arguments) = to_s[*arguments]
  def start_with?(*texts) = to_s.start_with?(*texts)
  def end_with?(*texts) = to_s.end_with?(*texts)
  def swapcase = to_s.swapcase.to_sym
  def succ = to_s.succ.to_sym
  alias next succ
  alias id2name to_s
end
