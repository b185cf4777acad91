# A tokenizer made of one table of regular expressions, and what is built on it: an expression evaluator.
class Tokenizer
  Token = Struct.new(:type, :text, :line)
  RULES = {
    space: /[ \t]+/, comment: /#[^\n]*/, newline: /\n/, number: /\d+(?:\.\d+)?(?:e[+-]?\d+)?/i, string: /"(?:[^"\\]|\\.)*"/,
    keyword: /\b(?:if|else|end|while)\b/, name: /[A-Za-z_]\w*/, operator: %r{==|!=|<=|>=|&&|\|\||[-+*/%<>=!(){},;]}
  }.freeze
  ALL = Regexp.new(RULES.map { |name, rule| "(?<#{name}>#{rule.source})" }.join("|"))

  class Error < StandardError; end

  def self.tokens(text)
    line = 1
    at = 0
    found = []
    while at < text.size
      match = ALL.match(text, at)
      raise Error, "line #{line}: unexpected #{text[at].inspect}" unless match && match.begin(0) == at

      type = RULES.keys.find { |name| match[name] }
      found << Token.new(type, match[0], line) unless %i[space comment].include?(type)
      line += 1 if type == :newline
      at = match.end(0)
    end
    found
  end
end

SOURCE = <<~'CODE'
  total = 3.5e2 + count_2 * (10 - 4) # comment
  if total >= 100 && name != "a \"quoted\" text"
    while x < 3
  end
CODE
Tokenizer.tokens(SOURCE).each { |token| puts "#{token.line} #{token.type.to_s.ljust(9)} #{token.text.inspect}" }
begin
  Tokenizer.tokens("a = 1\nb = $")
rescue Tokenizer::Error => e
  puts e.message
end

PRECEDENCE = { "+" => 1, "-" => 1, "*" => 2, "/" => 2 }.freeze
def evaluate(text)
  output = []
  operators = []
  reduce = -> { b, a = output.pop, output.pop; output << a.public_send(operators.pop, b) }
  text.scan(%r{\d+(?:\.\d+)?|[-+*/()]}) do |token|
    case token
    when /\A\d+\z/ then output << token.to_i
    when /\A\d/ then output << token.to_f
    when "(" then operators << token
    when ")"
      reduce.call until operators.last == "("
      operators.pop
    else
      reduce.call while operators.any? && PRECEDENCE.fetch(operators.last, 0) >= PRECEDENCE[token]
      operators << token
    end
  end
  reduce.call until operators.empty?
  output.first
end
["1 + 2 * 3", "(1 + 2) * 3", "10 / 4 - 1", "2.5 * (4 - 1) / 3"].each { |text| puts "#{text} = #{evaluate(text)}" }
