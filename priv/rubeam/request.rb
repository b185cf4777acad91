# frozen_string_literal: true

require_relative 'reader'

module Rubeam
  # A request that is carried out, or waits for it.
  class Job
    UNDEFINED = "w\x09undefined".b.freeze

    # What the frame said. `id` is an encoded term, nil for what has no answer; `arguments` are an Array, or an
    # encoded list that is decoded when the job runs, as are `bindings` and `value`.
    attr_accessor :kind, :id, :code, :file, :line, :timeout, :bindings, :no_value, :receiver, :method, :arguments,
                  :value, :number, :failed, :frame
    # How it goes. `fresh`: the clock has not seen it yet. `stop`: :timeout or :interrupted, when it is to be;
    # `raised` when that was raised; `left` of its grace, in seconds. `scarce`: it was told that memory is.
    attr_accessor :outer, :fresh, :deadline, :arrived, :stop, :raised, :left, :call, :within, :outcome, :status,
                  :scarce

    def initialize(kind, id)
      @kind = kind
      @id = id
      @fresh = true
    end

    def cast?
      @id.nil?
    end

    # For a reply's head.
    def name
      @id || UNDEFINED
    end
  end

  # A frame that is not understood. `id` is an encoded term, or nil where the frame was not good enough to tell.
  class BadRequest < StandardError
    attr_reader :id

    def initialize(why, id = nil)
      super(why)
      @id = id
    end
  end

  # Reads frames to Ruby: docs/protocol.md. What they carry is not decoded here, only checked to be terms, but for
  # what the requests themselves are made of.
  class RequestReader
    FORMS = {
      'eval' => [2..4, :eval], 'call' => [4..5, :call], 'compile' => [3..4, :compile], 'load' => [3..4, :load],
      'message' => [2..2, :message], 'owner' => [3..3, :owner], 'take' => [2..2, :take], 'return' => [3..3, :return],
      'interrupt' => [2..2, :interrupt], 'info' => [2..2, :info], 'within' => [3..3, :within],
      'accept' => [3..3, :accept], 'read' => [2..2, :read], 'sent' => [2..2, :sent]
    }.freeze
    UNKNOWN = 'no known request; there are {eval, Code}, {eval, Id, Code}, {eval, Id, Code, Opts}, ' \
              '{call, Id, Target, Args}, {call, Id, Target, Args, Opts}, {compile, Id, Code}, ' \
              '{compile, Id, Code, Opts}, {load, Id, Bytecode}, {load, Id, Bytecode, Opts}, ' \
              '{message, Term}, {owner, Id, Pid}, {take, CallId}, {return, CallId, Result}, ' \
              '{interrupt, Id}, {info, Id}, {read, Bytes}, {sent, Bytes}, {within, CallId, Frame} and ' \
              '{accept, Id, Frame}'
    NO_OPTION = 'an unknown option; there are timeout, for eval and compile file and line, and for eval bindings ' \
                'and value'
    BINDINGS = 'bindings must be a map whose keys are names of local variables'
    FILE = 'file must be a binary of 1 to 4096 bytes, none of them 0'
    LINE = 'line must be an integer from 1 to 60000'
    CALL_ID = 'the CallId is not one of a {call, CallId, Name, Args}'
    RESULT = 'the result of a call must be {ok, Value} or {error, Term}'
    RESERVED = %w[__ENCODING__ __FILE__ __LINE__ alias and begin break case class def do else elsif end ensure false
                  for if in module next nil not or redo rescue retry return self super then true undef unless until
                  when while yield].freeze
    VARIABLE = /\A[a-z_\x80-\xff][a-zA-Z0-9_\x80-\xff]*\z/n.freeze
    NAME_BYTES = 1020
    VARIABLE_BYTES = 255
    INFINITY = :infinity
    TOO_LONG = 'the frame is longer than max_frame'
    # What {accept, Id, Frame} and {within, CallId, Frame} may have beside the frame, which itself may be as long as
    # max_frame says.
    ENVELOPE = 1024
    NEVER = :never

    def initialize(names, options)
      @options = options
      @reader = Reader.new(names, options.max_depth)
    end

    # Of the bytes from `from` to before `to`, the version byte first. `inner`: it was in another one. Raises
    # BadRequest.
    def read(bytes, from = 0, to = bytes.bytesize, inner = false)
      job = read_any(bytes, from, to)
      envelope = job.kind == :within || job.kind == :accept
      Kernel.raise BadRequest.new(UNKNOWN) if envelope && inner
      refuse(TOO_LONG) if to - from > @options.max_frame && !envelope
      job
    rescue BadRequest => e
      Kernel.raise if to - from <= @options.max_frame

      Kernel.raise BadRequest.new(TOO_LONG, e.id) # whatever else is wrong with it
    end

    private

    def read_any(bytes, from, to)
      @id = nil
      r = @reader.open(bytes, from, to)
      refuse('the frame is not a term in the external format') unless r.peek == 131
      r.at = from + 1
      refuse('a compressed term; send it uncompressed') if r.peek == 80
      job = request(r)
      refuse('bytes are left over behind the term') unless r.end?
      job
    rescue Erlang::TermError => e # an integer beyond all measure where a small one should be
      Kernel.raise BadRequest.new(e.message, @id)
    rescue Malformed => e
      Kernel.raise BadRequest.new(TooDeep === e ? 'closures are nested too deep' : 'the frame is not a term', @id)
    end

    def refuse(why)
      Kernel.raise BadRequest.new(why, @id)
    end

    def request(r)
      arity = r.tuple_head
      refuse(UNKNOWN) if arity == 0
      name = r.atom_name
      r.skip if name.nil?
      if arity.nil?
        refuse(UNKNOWN) unless name == 'interrupt'
        return Job.new(:interrupt, nil)
      end
      arities, kind = FORMS[name]
      refuse(UNKNOWN) unless kind && arities.cover?(arity)
      job = Job.new(kind, nil)
      form(job, r, arity)
      job
    end

    def form(job, r, arity)
      case job.kind
      when :eval, :compile, :load then program(job, r, arity)
      when :call
        id(job, r)
        target(job, r)
        arguments(job, r)
        options(job, r) if arity > 4
      when :message then job.value = r.raw
      when :owner
        id(job, r)
        tag = r.peek
        job.value = r.raw
        refuse('the owner must be a pid') unless [103, 88].include?(tag)
      when :take then call_id(job, r)
      when :return then result(job, r)
      when :interrupt, :info then id(job, r)
      when :within
        call_id(job, r)
        job.frame = inner(r)
      when :accept
        id(job, r)
        job.frame = inner(r)
      when :read, :sent
        taken(job, r)
      end
    end

    def id(job, r)
      @id = job.id = r.raw
    end

    def inner(r)
      frame = r.binary
      r.skip if frame.nil?
      refuse('the frame of another one must be a binary') if frame.nil?
      frame
    end

    # {read, Bytes}, {sent, Bytes}, {read, never}
    def taken(job, r)
      name = r.atom_name
      return job.number = NEVER if job.kind == :read && name == 'never'

      job.number = r.integer if name.nil?
      r.skip if name.nil? && job.number.nil?
      refuse('not a number of bytes') if job.number.nil? || job.number < 0
    end

    # {Form, Code}, {Form, Id, Code}, {Form, Id, Code, Opts}
    def program(job, r, arity)
      id(job, r) if arity > 2
      source = job.kind != :load
      job.code = r.binary
      if job.code.nil?
        r.skip
        refuse(source ? 'the code must be a binary' : 'the bytecode must be a binary')
      end
      refuse('the code is longer than max_source') if source && job.code.bytesize > @options.max_source
      options(job, r) if arity > 3
    end

    # Name, or {Constant, Name}
    def target(job, r)
      arity = r.tuple_head
      refuse('the target must be Name or {Constant, Name}') unless arity.nil? || arity == 2
      if arity
        job.receiver = target_name(r, 'the constant of the target must be an atom or a binary')
      end
      job.method = target_name(r, 'the target must be Name or {Constant, Name}, with atoms or binaries')
    end

    def target_name(r, why)
      name = r.atom_name || r.binary
      r.skip if name.nil?
      refuse(why) if name.nil? || name.empty? || name.bytesize > NAME_BYTES
      name.force_encoding(Encoding::UTF_8)
    end

    def arguments(job, r)
      from = r.at
      case r.peek
      when 106, 107 then r.skip
      when 108
        r.raw_list || refuse('the arguments must be a proper list')
      else
        r.skip
        refuse('the arguments must be a list')
      end
      job.arguments = r.slice(from)
    end

    def options(job, r)
      count = r.map_head
      if count.nil?
        r.skip
        refuse('the options of a request must be a map')
      end
      count.times { option(job, r) }
    end

    def option(job, r)
      key = r.atom_name
      r.skip if key.nil?
      evaluates = job.kind == :eval
      source = evaluates || job.kind == :compile
      return timeout(job, r) if key == 'timeout'
      return file(job, r) if source && key == 'file'
      return line(job, r) if source && key == 'line'
      return bindings(job, r) if evaluates && key == 'bindings'
      return value(job, r) if evaluates && key == 'value'

      refuse(NO_OPTION)
    end

    def timeout(job, r)
      name = r.atom_name
      return job.timeout = INFINITY if name == 'infinity'

      job.timeout = name ? nil : r.integer
      r.skip if name.nil? && job.timeout.nil?
      return if job.timeout && job.timeout >= 0 && job.timeout <= 1 << 40

      refuse('timeout must be milliseconds or infinity')
    end

    def file(job, r)
      job.file = r.binary
      r.skip if job.file.nil?
      refuse(FILE) if job.file.nil? || job.file.empty? || job.file.bytesize > 4096 || job.file.include?("\0")
      job.file.force_encoding(Encoding::UTF_8)
    end

    def line(job, r)
      job.line = r.integer
      r.skip if job.line.nil?
      refuse(LINE) if job.line.nil? || job.line < 1 || job.line > 60_000
    end

    def value(job, r)
      name = r.atom_name
      r.skip if name.nil?
      refuse('value must be true or false') unless %w[true false].include?(name)
      job.no_value = name == 'false'
    end

    # The values are decoded when the job runs.
    def bindings(job, r)
      from = r.at
      count = r.map_head
      if count.nil?
        r.skip
        refuse(BINDINGS)
      end
      count.times do
        name = r.atom_name || r.binary
        r.skip if name.nil?
        refuse(BINDINGS) unless variable?(name)
        r.skip
      end
      job.bindings = r.slice(from)
    end

    def variable?(name)
      name && name.bytesize <= VARIABLE_BYTES && VARIABLE.match?(name.b) && !RESERVED.include?(name)
    end

    def call_id(job, r)
      arity = r.tuple_head
      refuse(CALL_ID) unless arity == 2
      r.skip
      job.number = r.integer
      refuse(CALL_ID) if job.number.nil? || job.number < 1
    end

    def result(job, r)
      call_id(job, r)
      refuse(RESULT) unless r.tuple_head == 2
      name = r.atom_name
      refuse(RESULT) unless %w[ok error].include?(name)
      job.failed = name == 'error'
      job.value = r.raw
    end
  end
end
