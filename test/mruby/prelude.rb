# What mruby's tests need before test/assert.rb: the helpers that mruby's own test program defines in
# C (mrbgems/mruby-test/driver.c), in Ruby. The same for plain mruby and for Rubeam.

module Mrbtest
  FLOAT_TOLERANCE = 1e-10

  # The patterns without braces that a pattern with {a,b} stands for
  def self.expand(pattern)
    at = depth = 0
    commas = []
    opening = nil
    while at < pattern.size
      case pattern[at]
      when "\\" then at += 1
      when "{"
        opening = at if depth == 0
        depth += 1
      when "," then commas << at if depth == 1
      when "}"
        depth -= 1
        break if depth == 0
      end
      at += 1
    end
    return [pattern] unless opening && at < pattern.size
    ends = [opening, *commas, at]
    (0...ends.size - 1).map { |i|
      pattern[0...opening] + pattern[ends[i] + 1...ends[i + 1]] + pattern[at + 1..-1]
    }.flat_map { |one| expand(one) }
  end

  # A pattern as a list of tests, each for one character; nil for *
  def self.tests_of(pattern)
    tests = []
    at = 0
    while at < pattern.size
      case char = pattern[at]
      when "*" then tests << nil
      when "?" then tests << ->(_) { true }
      when "["
        closing = at + 2
        closing += 1 until pattern[closing] == "]"
        tests << set(pattern[at + 1...closing])
        at = closing
      else
        char = pattern[at += 1] if char == "\\" && at + 1 < pattern.size
        tests << literal(char)
      end
      at += 1
    end
    tests
  end

  def self.literal(char) = ->(c) { c == char }

  def self.set(text)
    negated = text[0] == "^" || text[0] == "!"
    text = text[1..-1] if negated
    chars = []
    at = 0
    while at < text.size
      if text[at + 1] == "-" && at + 2 < text.size
        chars.concat((text[at].ord..text[at + 2].ord).map(&:chr))
        at += 3
      else
        chars << text[at]
        at += 1
      end
    end
    ->(c) { chars.include?(c) != negated }
  end

  # A * takes nothing at first, and one character more each time what follows it fails.
  def self.match?(tests, chars)
    test = char = 0
    star = retried = nil
    while char < chars.size
      if test < tests.size && tests[test].nil?
        star = test += 1
        retried = char
      elsif test < tests.size && tests[test].call(chars[char])
        test += 1
        char += 1
      elsif star
        test = star
        char = retried += 1
      else
        return false
      end
    end
    tests[test..-1].all?(&:nil?)
  end
end

module Kernel
  # `assert` says its name in three parts, later its result in one, and then a line's end. Kept for
  # report.rb: for each its result and its name, behind those of the asserts that it stands in.
  def t_print(*texts)
    if texts.size == 3
      $mrbtest_names << texts[0] + texts[1]
    elsif texts[0] != "\n"
      $mrbtest_results << "#{texts[0]} #{$mrbtest_names.join(' > ')}"
      $mrbtest_names.pop
    end
    nil
  end

  def _str_match?(pattern, text)
    Mrbtest.expand(pattern).any? { |one| Mrbtest.match?(Mrbtest.tests_of(one), text.chars) }
  end
end

$mrbtest_names = []
$mrbtest_results = []
$mrbtest_verbose = true # or the names are not said
