# What json_SUITE runs in Rubeam and in the machine's own Ruby: result(code) for each line of cases.rb.

# The numbers before some of that Ruby's messages are lines of its C source, which releases since have dropped.
def result(code)
  value = eval(code)
  shown = value.is_a?(String) ? value : JSON.generate(value, allow_nan: true, max_nesting: 0)
  shown.valid_utf8_for_test? ? shown : shown.bytes.join(' ')
rescue StandardError, SystemStackError => e
  message = e.message
  digits = 0
  digits += 1 while '0123456789'.include?(message[digits] || 'x')
  message = message[(digits + 2)..-1] if digits > 0 && message[digits, 2] == ': '
  "#{e.class}: #{message}"
end

class String
  # mruby has no valid_encoding?
  def valid_utf8_for_test?
    bytes.all? { |byte| byte < 128 } || !JSON.generate(self).empty?
  rescue JSON::GeneratorError
    false
  end
end

def catching
  yield
rescue StandardError => e
  "#{e.class}: #{e.message}"
end

class Pair
  def initialize(a, b)
    @a = a
    @b = b
  end

  def to_json(*a)
    { a: @a, b: @b }.to_json(*a)
  end
end

class NoText
  def to_json(*)
    5
  end

  def to_s
    5
  end
end

class OnlyToS
  def to_s
    'x!'
  end
end

class Raises
  def to_json(*)
    raise 'from to_json'
  end
end

class Tells
  def to_json(state = nil)
    state ? [state.depth, state.indent, state.space, state.max_nesting].to_json : '"none"'
  end
end

class Clears
  def initialize(array)
    @array = array
  end

  def to_json(*)
    @array.clear
    '0'
  end
end

class OwnHash < Hash; end
class OwnArray < Array; end
class OwnString < String; end

class LoudHash < Hash
  def to_json(*)
    '"loud"'
  end
end

class ToStr
  def to_str
    '[9]'
  end
end

class Gathers
  attr_reader :text

  def write(text)
    @text = text
  end
end

def nested(levels, inner = 1)
  levels.times { inner = [inner] }
  inner
end

def nested_hashes(levels, inner = 1)
  levels.times { inner = { 'a' => inner } }
  inner
end
