# frozen_string_literal: true

require_relative 'names'

module Rubeam
  # Bytes that are no term. Its message says which kind of fault it is.
  class Malformed < StandardError
    def self.truncated
      new('the bytes of a term end too early')
    end

    def self.unsupported
      new('a term in an encoding that is not supported')
    end

    def initialize(message = 'bytes that are no term')
      super
    end
  end

  # Closures nested too deep.
  class TooDeep < Malformed; end

  # Reads the external term format. Never looks beyond the end that it was given, believes no length and no count
  # before the bytes are there, and takes no memory ahead. https://www.erlang.org/doc/apps/erts/erl_ext_dist.html
  class Reader
    BIG_BYTES = 65_536
    FUN_DEPTH = 1000
    UTF_8 = Encoding::UTF_8
    OLD_FLOAT = /\A[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?\0*\z/n.freeze

    # [numbers, bytes of each, bytes of the creation, class]; 0 numbers: their count comes first, the creation
    # before them.
    IDENTITIES = {
      103 => [2, 4, 1, Erlang::Pid], 88 => [2, 4, 4, Erlang::Pid],
      102 => [1, 4, 1, Erlang::Port], 89 => [1, 4, 4, Erlang::Port], 120 => [1, 8, 4, Erlang::Port],
      101 => [1, 4, 1, Erlang::Reference], 114 => [0, 4, 1, Erlang::Reference], 90 => [0, 4, 4, Erlang::Reference]
    }.freeze
    NEW = Class.instance_method(:new)

    attr_accessor :at

    def initialize(names, max_depth)
      @names = names
      @max_depth = max_depth
      @depth = max_depth
    end

    # From here on it reads the bytes from `from` to before `to`.
    def open(bytes, from = 0, to = bytes.bytesize)
      @bytes = bytes
      @at = from
      @end = to
      @depth = @max_depth
      self
    end

    def end?
      @at == @end
    end

    def left
      @end - @at
    end

    # The next byte, which stays; nil at the end.
    def peek
      @at < @end ? @bytes.getbyte(@at) : nil
    end

    # --- values ---

    # Raises Malformed for what is no term, Erlang::TermError for what has no form in Ruby.
    def term
      bytes = @bytes
      at = @at
      case tag = bytes.getbyte(at)
      when 97
        @at = at + 2
        cut if @at > @end
        bytes.getbyte(at + 1)
      when 98
        @at = at + 5
        cut if @at > @end
        number = (bytes.getbyte(at + 1) << 24) | (bytes.getbyte(at + 2) << 16) |
                 (bytes.getbyte(at + 3) << 8) | bytes.getbyte(at + 4)
        number < 0x80000000 ? number : number - 0x100000000
      when 109
        length = length32(at + 1)
        @at = at + 5 + length
        cut if @at > @end
        bytes.byteslice(at + 5, length).force_encoding(UTF_8)
      when 119, 100, 118, 115 then atom(tag)
      when 106
        @at = at + 1
        cut if @at > @end
        []
      when 108 then list
      when 104
        cut if at + 2 > @end
        tuple(bytes.getbyte(at + 1), at + 2)
      when 116 then map
      when 107
        length = length16(at + 1)
        @at = at + 3 + length
        cut if @at > @end
        bytes.byteslice(at + 3, length).bytes
      when 70, 99 then float(tag)
      when 110, 111 then big(tag)
      when 105
        tuple(length32(at + 1), at + 5)
      when 77
        skip
        return bit_binary(at) if [0, 8].include?(bytes.getbyte(at + 5))

        Kernel.raise Erlang::TermError, 'a bit string has no form in Ruby'
      when 103, 88, 102, 89, 120, 101, 114, 90, 112, 113 then opaque(tag)
      else
        skip # raises, and knows what
        Kernel.raise Malformed
      end
    end

    # The arguments of a call; their list is not counted as a level.
    def arguments
      @depth = @max_depth + 1
      term
    end

    # --- parts of a term, for those who read frames ---

    # Steps over `count` terms, however deep they are nested.
    def skip(count = 1, funs = 0)
      while count > 0
        count -= 1
        at = @at
        cut if at >= @end
        case tag = @bytes.getbyte(at)
        when 97 then step(at + 2)
        when 98 then step(at + 5)
        when 109 then step(at + 5 + length32(at + 1))
        when 119, 100, 118, 115 then atom(tag)
        when 106 then step(at + 1)
        when 108
          count += children(length32(at + 1) + 1, at + 5)
        when 104
          cut if at + 2 > @end
          count += children(@bytes.getbyte(at + 1), at + 2)
        when 105 then count += children(length32(at + 1), at + 5)
        when 116 then count += children(2 * length32(at + 1), at + 5)
        when 107 then step(at + 3 + length16(at + 1))
        when 70, 99 then float(tag)
        when 110, 111 then step(big_head(tag, at))
        when 77 then bits(at)
        when 112 then closure(funs)
        when 113 then export
        when 103, 88, 102, 89, 120, 101, 114, 90 then skip_identity(tag)
        when 117, 121, 82 then Kernel.raise Malformed.unsupported
        when nil then cut
        else Kernel.raise Malformed
        end
      end
    end

    # Steps over one term, and gives its bytes.
    def raw
      from = @at
      skip
      @bytes.byteslice(from, @at - from)
    end

    # The bytes from there to here.
    def slice(from)
      @bytes.byteslice(from, @at - from)
    end

    # Steps over a list's terms and its end: true if that is the empty list.
    def raw_list
      count = children(length32(@at + 1) + 1, @at + 5) - 1
      skip(count)
      proper = peek == 106
      skip
      proper
    end

    # The arity, if a tuple begins here; the reader is then behind its head. Else nil, and it stays.
    def tuple_head
      head(104, 105)
    end

    # The count of pairs, of a map, likewise.
    def map_head
      head(nil, 116)
    end

    # The bytes of a binary, or nil, and the reader stays.
    def binary
      at = @at
      bits = peek == 77
      return unless peek == 109 || bits

      if bits
        skip
        return bit_binary(at) if [0, 8].include?(@bytes.getbyte(at + 5))

        @at = at
        return
      end
      length = length32(at + 1)
      step(at + 5 + length)
      @bytes.byteslice(at + 5, length)
    end

    # The name of an atom, in UTF-8, or nil, and the reader stays.
    def atom_name
      case tag = peek
      when 119, 100, 118, 115
        atom(tag)
        @name.dup.force_encoding(UTF_8)
      end
    end

    # An integer, or nil, and the reader stays.
    def integer
      term if [97, 98, 110, 111].include?(peek)
    end

    private

    def cut
      Kernel.raise Malformed.truncated
    end

    def step(to)
      cut if to > @end
      @at = to
    end

    def length16(at)
      cut if at + 2 > @end
      (@bytes.getbyte(at) << 8) | @bytes.getbyte(at + 1)
    end

    def length32(at)
      cut if at + 4 > @end
      bytes = @bytes
      (bytes.getbyte(at) << 24) | (bytes.getbyte(at + 1) << 16) | (bytes.getbyte(at + 2) << 8) | bytes.getbyte(at + 3)
    end

    # Each has a byte at least.
    def children(count, at)
      step(at)
      cut if count > @end - at
      count
    end

    def head(small, large)
      at = @at
      case peek
      when small
        cut if at + 2 > @end
        children(@bytes.getbyte(at + 1), at + 2)
      when large
        count = length32(at + 1)
        children(large == 116 ? 2 * count : count, at + 5)
        count
      end
    end

    def atom(tag)
      at = @at
      if tag == 119 || tag == 115
        cut if at + 2 > @end
        length = @bytes.getbyte(at + 1)
        from = at + 2
      else
        length = length16(at + 1)
        from = at + 3
      end
      @at = from + length
      cut if @at > @end
      name = @bytes.byteslice(from, length)
      name = name.force_encoding(Encoding::ISO_8859_1).encode(UTF_8).b if tag < 118 && !name.ascii_only?
      @name = name
      @names.value(name)
    end

    def enter
      if @depth == 0
        Kernel.raise Erlang::TermError, "a term nested deeper than #{@max_depth} levels"
      end
      @depth -= 1
    end

    def list
      count = children(length32(@at + 1) + 1, @at + 5) - 1
      enter
      array = []
      while true
        while count > 0
          array << term
          count -= 1
        end
        # A tail may be a list again: libei's manual shows how to write a list cons by cons.
        case peek
        when 106
          @at += 1
          break
        when 107
          array.concat(term)
          break
        when 108
          count = children(length32(@at + 1) + 1, @at + 5) - 1
        when nil then cut
        else
          skip
          Kernel.raise Erlang::TermError, 'an improper list has no form in Ruby'
        end
      end
      @depth += 1
      array
    end

    def tuple(count, at)
      children(count, at)
      enter
      array = []
      while count > 0
        array << term
        count -= 1
      end
      @depth += 1
      Erlang::Tuple.from_array(array)
    end

    # Of equal keys, which Erlang never writes, the last one counts.
    def map
      count = length32(@at + 1)
      children(2 * count, @at + 5)
      enter
      hash = {}
      while count > 0
        key = term
        hash[key] = term
        count -= 1
      end
      @depth += 1
      hash
    end

    def float(tag)
      at = @at
      if tag == 70
        step(at + 9)
        number = @bytes.byteslice(at + 1, 8).unpack1('G')
      else
        step(at + 32)
        text = @bytes.byteslice(at + 1, 31)
        Kernel.raise Malformed unless OLD_FLOAT.match?(text)
        number = text.delete("\0").to_f
      end
      Kernel.raise Malformed unless number.finite?
      number
    end

    # Where its last byte is followed.
    def big_head(tag, at)
      if tag == 110
        cut if at + 3 > @end
        at + 3 + @bytes.getbyte(at + 1)
      else
        at + 6 + length32(at + 1)
      end
    end

    def big(tag)
      at = @at
      from = at + (tag == 110 ? 3 : 6)
      step(big_head(tag, at))
      magnitude = @bytes.byteslice(from, @at - from)
      length = magnitude.bytesize
      length -= 1 while length > 0 && magnitude.getbyte(length - 1) == 0
      if length > BIG_BYTES
        Kernel.raise Erlang::TermError, "an integer of more than #{BIG_BYTES} bytes"
      end
      number = magnitude.reverse.unpack1('H*').to_i(16)
      @bytes.getbyte(from - 1) == 0 ? number : -number
    end

    def bits(at)
      length = length32(at + 1)
      step(at + 6 + length)
      used = @bytes.getbyte(at + 5)
      Kernel.raise Malformed if used > 8 || (used == 0) != (length == 0)
    end

    def bit_binary(at)
      @bytes.byteslice(at + 6, @at - at - 6).force_encoding(UTF_8)
    end

    # --- opaque terms ---

    def opaque(tag)
      from = @at
      if tag == 112 || tag == 113
        skip
        bytes = @bytes.byteslice(from, @at - from)
        return NEW.bind_call(Erlang::Fun, bytes, bytes)
      end
      who = identity(tag)
      NEW.bind_call(IDENTITIES[tag][3], @bytes.byteslice(from, @at - from), who)
    end

    # Where the name of the node ends, and what IDENTITIES says.
    def skip_identity(tag)
      words, size, creation_size, = IDENTITIES.fetch(tag)
      at = @at + 1
      if (counted = words == 0)
        words = length16(at)
        at += 2
        Kernel.raise Malformed if words == 0 || words > 5
      end
      @at = at
      name
      at = @at
      step(at + creation_size + words * size)
      [at, words, size, creation_size, counted]
    end

    # [node, creation, numbers]
    def identity(tag)
      at, words, size, creation_size, counted = skip_identity(tag)
      node = @name.dup.force_encoding(UTF_8)
      creation = number(counted ? at : at + words * size, creation_size)
      at += creation_size if counted
      [node, creation, Array.new(words) { |i| number(at + i * size, size) }]
    end

    def number(at, size)
      value = 0
      size.times { |i| value = (value << 8) | @bytes.getbyte(at + i) }
      value
    end

    # An atom, and nothing else: the name of a node, a module, a function.
    def name
      tag = peek
      cut if tag.nil?
      Kernel.raise Malformed unless tag == 119 || tag == 100 || tag == 118 || tag == 115
      atom(tag)
    end

    # An integer in one of the two short forms: OTP takes no others inside of a fun.
    def small
      tag = peek
      cut if tag.nil?
      Kernel.raise Malformed unless tag == 97 || tag == 98
      term
    end

    def export
      @at += 1
      name
      name
      Kernel.raise Malformed if small < 0
    end

    # The size counts itself and must be the right one: OTP only looks whether it is more than what is left.
    def closure(depth)
      Kernel.raise TooDeep if depth >= FUN_DEPTH
      from = @at + 1
      size = length32(from)
      step(from + 4 + 21)
      free = length32(@at)
      step(@at + 4)
      cut if size > @end - from
      name
      small
      small
      tag = peek
      cut if tag.nil?
      Kernel.raise Malformed unless tag == 103 || tag == 88
      identity(tag)
      cut if free > @end - @at
      skip(free, depth + 1)
      Kernel.raise Malformed if @at - from != size
    end
  end
end
