# frozen_string_literal: true

module Rubeam
  # Atoms: what they are in Ruby, their bytes, and how many new ones Ruby may make. Those that came from Erlang are
  # not counted, nor these few, which every node has.
  class Names
    SEEN = %w[ok error undefined infinity normal].freeze
    SPECIAL = { 'true' => true, 'false' => false, 'nil' => nil }.freeze
    MOST = 1 << 20 # a node has no more atoms

    # By Symbol, the encoding. To be read by Writer alone, which asks `admit` for what is not in it.
    attr_reader :encoded

    def initialize(limit)
      @limit = limit
      @made = 0
      @values = {}
      @encoded = {}
      SPECIAL.each { |name, value| @values[name.b] = value }
      SEEN.each { |name| value(name.b) }
    end

    # What the atom of this name (bytes, UTF-8) is in Ruby; Malformed if it can't be one's name.
    def value(name)
      @values.fetch(name) { remember(name) }
    end

    # The encoding of a Symbol that is not in `encoded`.
    def admit(symbol)
      name = Names.text(symbol)
      unless name.valid_encoding?
        Kernel.raise Erlang::TermError, "a Symbol that isn't UTF-8 can't be an atom; make it a String"
      end
      if name.length > 255
        Kernel.raise Erlang::TermError, "a Symbol of more than 255 characters can't be an atom; make it a String"
      end
      return Names.encode(name) if SPECIAL.key?(name)

      if @made >= @limit
        Kernel.raise Erlang::TermError,
                     "#{name} would be an atom more than the #{@limit} that Ruby may make; make it a String"
      end
      @made += 1
      @values[name.b.freeze] = symbol
      @encoded[symbol] = Names.encode(name)
    end

    # In UTF-8; a Symbol made of bytes in another encoding is taken byte for byte.
    def self.text(symbol)
      name = symbol.to_s
      name.encoding == Encoding::UTF_8 ? name : name.dup.force_encoding(Encoding::UTF_8)
    end

    def self.encode(name)
      bytes = name.b
      (bytes.bytesize < 256 ? [119, bytes.bytesize, bytes].pack('CCa*') : [118, bytes.bytesize, bytes].pack('Cna*')).freeze
    end

    private

    def remember(name)
      text = name.dup.force_encoding(Encoding::UTF_8)
      Kernel.raise Malformed unless text.valid_encoding? && text.length <= 255
      symbol = text.to_sym
      if @values.size < MOST
        @values[name.b.freeze] = symbol
        @encoded[symbol] ||= Names.encode(text)
      end
      symbol
    end
  end
end
