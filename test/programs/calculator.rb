# A tokenizer and a recursive-descent parser for arithmetic, with variables and functions.
class Lexer
  Token = Struct.new(:type, :value, :at)
  OPERATORS = %w[+ - * / % ^ ( ) = ,].freeze

  def initialize(text) = @text = text

  def tokens
    list = []
    at = 0
    while at < @text.size
      char = @text[at]
      if char == " "
        at += 1
      elsif digit?(char)
        start = at
        at += 1 while at < @text.size && (digit?(@text[at]) || @text[at] == ".")
        text = @text[start...at]
        list << Token.new(:number, text.include?(".") ? text.to_f : text.to_i, start)
      elsif letter?(char)
        start = at
        at += 1 while at < @text.size && (letter?(@text[at]) || digit?(@text[at]))
        list << Token.new(:name, @text[start...at].to_sym, start)
      elsif OPERATORS.include?(char)
        list << Token.new(:operator, char, at)
        at += 1
      else
        raise ArgumentError, "unexpected #{char.inspect} at #{at}"
      end
    end
    list << Token.new(:end, nil, at)
  end

  private

  def digit?(char) = char >= "0" && char <= "9"
  def letter?(char) = ("a".."z").cover?(char) || char == "_"
end

class Calculator
  FUNCTIONS = {
    sqrt: ->(x) { Math.sqrt(x) }, max: ->(*all) { all.max }, min: ->(*all) { all.min },
    fact: ->(n) { (1..n).inject(1, :*) }, round: ->(x, digits = 0) { x.round(digits) }
  }.freeze

  attr_reader :variables

  def initialize = @variables = { pi: Math::PI }

  def run(text)
    @tokens = Lexer.new(text).tokens
    value = assignment
    raise ArgumentError, "unexpected #{peek.value.inspect} at #{peek.at}" unless peek.type == :end

    value
  end

  private

  def peek = @tokens.first
  def operator?(*values) = peek.type == :operator && values.include?(peek.value)

  def expect(value)
    raise ArgumentError, "expected #{value.inspect} at #{peek.at}" unless operator?(value)

    @tokens.shift
  end

  def assignment
    if peek.type == :name && @tokens[1].value == "="
      name = @tokens.shift.value
      @tokens.shift
      return @variables[name] = assignment
    end
    sum
  end

  def sum
    value = product
    value = value.send(@tokens.shift.value, product) while operator?("+", "-")
    value
  end

  def product
    value = power
    value = value.send(@tokens.shift.value, power) while operator?("*", "/", "%")
    value
  end

  def power
    base = unary
    return base unless operator?("^")

    @tokens.shift
    base**power
  end

  def unary
    return primary unless operator?("-", "+")

    @tokens.shift.value == "-" ? -unary : unary
  end

  def primary
    token = @tokens.shift
    case token.type
    when :number then token.value
    when :name then operator?("(") ? call(token.value) : @variables.fetch(token.value)
    when :operator
      raise ArgumentError, "unexpected #{token.value.inspect} at #{token.at}" unless token.value == "("

      sum.tap { expect(")") }
    else raise ArgumentError, "unexpected end"
    end
  end

  def call(name)
    expect("(")
    arguments = []
    until operator?(")")
      arguments << sum
      expect(",") unless operator?(")")
    end
    expect(")")
    FUNCTIONS.fetch(name).call(*arguments)
  end
end

calculator = Calculator.new
["1 + 2 * 3", "(1 + 2) * 3", "2 ^ 3 ^ 2", "-2 ^ 2", "7 / 2", "7.0 / 2", "10 % 4 - 1", "x = y = 5",
 "x * y + 0.5", "sqrt(16) + max(1, x, 3)", "fact(25)", "round(pi, 4)", "2 * pi", "0.1 + 0.2", "1 / 0",
 "2 +", "2 $ 3", "(1", "nope + 1", "frob(1)", "1 2", "3 * (4 + (5 - 6)) ^ 2", "2 ^ 100"].each do |text|
  puts "#{text.ljust(26)} = #{calculator.run(text).inspect}"
rescue ArgumentError, KeyError, ZeroDivisionError => e
  puts "#{text.ljust(26)} ! #{e.class}: #{e.message}"
end
p calculator.variables
p Lexer.new("a+1.5").tokens
