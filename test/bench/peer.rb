# A CRuby program on a {packet, 4} port, as one would write it without Rubeam: what Rubeam is
# measured against. Started by bench_ways.erl; ends when its standard input does.
#
# It understands {eval, Code} and {call, Name, Args} in the external term format, and answers
# {ok, Value}. Of that format it knows what the measurements need: no gem can be had for sure.

module Etf
  module_function

  def decode(bytes)
    raise 'no external term' unless bytes.getbyte(0) == 131
    term, = term_at(bytes, 1)
    term
  end

  # The term at a place, and the place after it.
  def term_at(bytes, at)
    case tag = bytes.getbyte(at)
    when 97 then [bytes.getbyte(at + 1), at + 2]                               # SMALL_INTEGER_EXT
    when 98 then [bytes.byteslice(at + 1, 4).unpack1('l>'), at + 5]            # INTEGER_EXT
    when 100 then name_at(bytes, at + 3, bytes.byteslice(at + 1, 2).unpack1('n')) # ATOM_EXT
    when 119 then name_at(bytes, at + 2, bytes.getbyte(at + 1))                # SMALL_ATOM_UTF8_EXT
    when 104 then terms_at(bytes, at + 2, bytes.getbyte(at + 1))               # SMALL_TUPLE_EXT
    when 106 then [[], at + 1]                                                 # NIL_EXT
    when 107                                                                   # STRING_EXT
      length = bytes.byteslice(at + 1, 2).unpack1('n')
      [bytes.byteslice(at + 3, length).bytes, at + 3 + length]
    when 108                                                                   # LIST_EXT
      list, after = terms_at(bytes, at + 5, bytes.byteslice(at + 1, 4).unpack1('N'))
      raise 'an improper list' unless bytes.getbyte(after) == 106
      [list, after + 1]
    when 109                                                                   # BINARY_EXT
      length = bytes.byteslice(at + 1, 4).unpack1('N')
      [bytes.byteslice(at + 5, length), at + 5 + length]
    else raise "a term with the tag #{tag}"
    end
  end

  def name_at(bytes, at, length)
    [bytes.byteslice(at, length).to_sym, at + length]
  end

  def terms_at(bytes, at, count)
    terms = []
    count.times do
      term, at = term_at(bytes, at)
      terms << term
    end
    [terms, at]
  end

  # Integers of 32 bits and strings, in {ok, Value}.
  def encode_ok(value)
    case value
    when Integer then [131, 104, 2, 119, 2, 'ok', 98, value].pack('CCCCCa2Cl>')
    when String then [131, 104, 2, 119, 2, 'ok', 109, value.bytesize].pack('CCCCCa2CN') << value.b
    else raise "a value of class #{value.class}"
    end
  end
end

def add(x, y)
  x + y
end

def fib(n)
  n < 2 ? n : fib(n - 1) + fib(n - 2)
end

def take(bytes)
  bytes.bytesize
end

$kept = {}

def give(length)
  $kept[length] ||= 'x' * length
end

context = binding
input = $stdin.binmode
output = $stdout.binmode
output.sync = true

while (head = input.read(4))
  request = Etf.decode(input.read(head.unpack1('N')))
  value = case request[0]
          when :eval then eval(request[1], context)
          when :call then send(request[1], *request[2])
          end
  answer = Etf.encode_ok(value)
  output.write([answer.bytesize].pack('N') << answer)
end
