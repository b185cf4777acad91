# frozen_string_literal: true

# The classes of the module Erlang that are values, and the exceptions.
module Erlang
  class Error < StandardError; end

  # A value has no form on the other side, or is beyond a limit.
  class TermError < Error; end

  # What an Erlang function has raised.
  class CallError < Error
    attr_reader :kind, :reason, :stack

    def initialize(message = nil, kind = :error, reason = nil, stack = [])
      super(message)
      @kind = kind
      @reason = reason
      @stack = stack
    end
  end

  # Not StandardErrors: a bare `rescue` must not swallow a stop.
  class Timeout < Exception; end
  class Interrupt < Exception; end

  # Frozen, Enumerable, takes part in destructuring, and is no Array.
  class Tuple
    include Enumerable

    class << self
      alias from_array new
      undef_method :new, :allocate

      def [](*values)
        from_array(values)
      end
    end

    def initialize(values)
      @values = values.freeze
      freeze
    end

    def [](*which)
      @values[*which]
    end

    def size
      @values.size
    end
    alias length size

    def to_a
      @values.dup
    end
    alias to_ary to_a

    def deconstruct
      @values
    end

    def each(&block)
      return to_enum(:each) { size } unless block

      @values.each(&block)
      self
    end

    def ==(other)
      equal?(other) || (Tuple === other && @values == other.deconstruct)
    end

    def eql?(other)
      equal?(other) || (Tuple === other && @values.eql?(other.deconstruct))
    end

    def hash
      @values.hash ^ 0x7475706c65
    end

    def inspect
      "Erlang::Tuple[#{@values.map(&:inspect).join(', ')}]"
    end
    alias to_s inspect

    def dup
      self
    end

    def clone(**)
      self
    end
  end

  # Pids, ports, references and funs: the bytes of their encoding. Ruby code can hold and compare them, and make
  # none.
  class Opaque
    class << self
      undef_method :new, :allocate
    end

    # Whatever encoding they came in: [node, creation, numbers]; of a fun, its bytes.
    attr_reader :identity
    protected :identity

    def initialize(bytes, identity)
      @bytes = bytes.freeze
      @identity = identity.freeze
      freeze
    end

    def ==(other)
      equal?(other) || (Opaque === other && self.class == other.class && @identity == other.identity)
    end
    alias eql? ==

    def hash
      @identity.hash
    end

    def inspect
      return "#<#{self.class}>" unless Array === @identity

      "#<#{self.class} #{@identity[0]} #{@identity[2].join('.')}>"
    end
    alias to_s inspect

    def dup
      self
    end

    def clone(**)
      self
    end
  end

  class Pid < Opaque; end
  class Port < Opaque; end
  class Reference < Opaque; end
  class Fun < Opaque; end
end
