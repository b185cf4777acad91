# frozen_string_literal: true

require_relative 'names'

module Rubeam
  # Writes the external term format. The class of a value decides, not its methods, but for to_erl, which is asked
  # of what Erlang has no form for. It may do anything: of containers copies are written.
  class Writer
    SMALL = Array.new(256) { |i| [97, i].pack('CC').freeze }.freeze
    TRUE = "w\x04true".b.freeze
    FALSE = "w\x05false".b.freeze
    NIL = "w\x03nil".b.freeze
    EMPTY = 'j'.b.freeze
    TO_ERL_MOST = 8
    LOOK_EVERY = 1024 # elements, whether the term has become too long
    CLASS = Kernel.instance_method(:class)
    RESPONDS = Kernel.instance_method(:respond_to?)
    TO_A = Array.instance_method(:to_a)
    TO_H = Hash.instance_method(:to_h)
    NAME = Module.instance_method(:name)
    BYTES = Erlang::Opaque.instance_method(:instance_variable_get)
    UTF_8 = Encoding::UTF_8

    # The most bytes that `out` may get.
    def initialize(names, max_depth, limit)
      @names = names
      @encoded = names.encoded
      @max_depth = max_depth
      @limit = limit
    end

    # Appends the value to `out`, a binary String.
    def write(value, out)
      put(value, out, @max_depth)
      too_long if out.bytesize > @limit
      out
    end

    # The encoding of a small value, or nil: such a one is to be written.
    def short(value)
      case value
      when Integer
        return SMALL[value] if value >= 0 && value < 256

        [98, value].pack('Cl>') if value >= -0x80000000 && value <= 0x7fffffff
      when nil then NIL
      when true then TRUE
      when false then FALSE
      when Symbol then @encoded[value] || @names.admit(value)
      when String
        size = value.bytesize
        [109, size, value].pack('CNa*') if size < 4096
      end
    end

    # As Ruby names it in messages.
    def self.class_name(value)
      type = CLASS.bind_call(value)
      NAME.bind_call(type) || Kernel.instance_method(:to_s).bind_call(type)
    end

    private

    def too_long
      Kernel.raise Erlang::TermError, "the term has more than #{@limit} bytes"
    end

    def put(value, out, depth)
      case value
      when Integer
        if value >= 0 && value < 256
          out << SMALL[value]
        elsif value >= -0x80000000 && value <= 0x7fffffff
          [98, value].pack('Cl>', buffer: out)
        else
          put_big(value, out)
        end
      when String
        size = value.bytesize
        too_long if size > @limit
        [109, size, value].pack('CNa*', buffer: out)
      when Symbol then out << (@encoded[value] || @names.admit(value))
      when nil then out << NIL
      when true then out << TRUE
      when false then out << FALSE
      when Array then put_list(value, out, depth)
      when Hash then put_map(value, out, depth)
      when Float then put_float(value, out)
      when Erlang::Tuple then put_tuple(value, out, depth)
      when Erlang::Opaque then out << BYTES.bind_call(value, :@bytes)
      else put_object(value, out, depth)
      end
    end

    def put_big(value, out)
      hex = value.abs.to_s(16)
      hex = "0#{hex}" if hex.size.odd?
      size = hex.size / 2
      if size > Reader::BIG_BYTES
        Kernel.raise Erlang::TermError, "an Integer of more than #{Reader::BIG_BYTES} bytes"
      end
      bytes = [hex].pack('H*').reverse
      sign = value < 0 ? 1 : 0
      if size < 256
        [110, size, sign, bytes].pack('CCCa*', buffer: out)
      else
        [111, size, sign, bytes].pack('CNCa*', buffer: out)
      end
    end

    def put_float(value, out)
      Kernel.raise Erlang::TermError, 'NaN has no form in Erlang' if value.nan?
      Kernel.raise Erlang::TermError, 'an infinite Float has no form in Erlang' if value.infinite?
      [70, value].pack('CG', buffer: out)
    end

    def enter(depth)
      return depth - 1 if depth > 0

      Kernel.raise Erlang::TermError,
                   "nested deeper than #{@max_depth} levels (does something contain itself?)"
    end

    def put_list(value, out, depth)
      list = TO_A.bind_call(value)
      list = list.dup if list.equal?(value)
      return out << EMPTY if list.empty?

      depth = enter(depth)
      [108, list.size].pack('CN', buffer: out)
      put_all(list, out, depth)
      out << EMPTY
    end

    def put_tuple(value, out, depth)
      list = value.deconstruct
      depth = enter(depth)
      if list.size < 256
        out << [104, list.size].pack('CC')
      else
        [105, list.size].pack('CN', buffer: out)
      end
      put_all(list, out, depth)
    end

    def put_all(list, out, depth)
      i = 0
      size = list.size
      while i < size
        put(list[i], out, depth)
        i += 1
        too_long if i % LOOK_EVERY == 0 && out.bytesize > @limit
      end
    end

    def put_map(value, out, depth)
      hash = TO_H.bind_call(value)
      keys = hash.keys
      values = hash.values
      depth = enter(depth)
      [116, keys.size].pack('CN', buffer: out)
      plain = !hash.compare_by_identity?
      seen = plain && keys.all? { |key| plain?(key) } ? nil : {}
      i = 0
      size = keys.size
      while i < size
        from = out.bytesize
        put(keys[i], out, depth)
        note_key(out.byteslice(from, out.bytesize - from), seen) if seen
        put(values[i], out, depth)
        i += 1
        too_long if i % LOOK_EVERY == 0 && out.bytesize > @limit
      end
    end

    # Can two keys that Ruby holds apart be the same term? Not two of these. What else there is may meet them or each
    # other: true and :true, an object and what its to_erl gives, a text in two encodings.
    def plain?(key)
      case key
      when Integer then true
      when Symbol then !Names::SPECIAL.key?(key.to_s)
      when String then key.encoding == UTF_8
      else false
      end
    end

    # Compared as what they would be if they came back: that knows the order of pairs, and both zeros.
    def note_key(bytes, seen)
      key = Reader.new(@names, @max_depth).open(bytes).term
      if seen.key?(key)
        Kernel.raise Erlang::TermError, 'two keys of a Hash become the same term (as true and :true do)'
      end
      seen[key] = true
    end

    def put_object(value, out, depth)
      calls = 0
      until known?(value)
        unless RESPONDS.bind_call(value, :to_erl, true)
          Kernel.raise Erlang::TermError,
                       "#{Writer.class_name(value)} has no form in Erlang; give it a method to_erl"
        end
        if calls == TO_ERL_MOST
          Kernel.raise Erlang::TermError, "to_erl of #{Writer.class_name(value)} leads from object to object"
        end
        calls += 1
        value = value.__send__(:to_erl)
      end
      put(value, out, depth)
    end

    def known?(value)
      case value
      when Integer, String, Symbol, nil, true, false, Array, Hash, Float, Erlang::Tuple, Erlang::Opaque then true
      else false
      end
    end
  end
end
