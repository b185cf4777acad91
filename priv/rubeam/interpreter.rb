# frozen_string_literal: true

require_relative 'bytecode'
require_relative 'clock'
require_relative 'dispatch'
require_relative 'endings'
require_relative 'figures'
require_relative 'frames'
require_relative 'guard'
require_relative 'hooks'
require_relative 'memory'
require_relative 'output'
require_relative 'report'
require_relative 'request'
require_relative 'stops'
require_relative 'talking'
require_relative 'wire'
require_relative 'writer'

module Rubeam
  # Takes requests and carries them out, one after the other, on the main thread.
  #
  # A short request costs a read, a write and what is between. What happens while one runs (an interrupt, the end of
  # its time, the end of input) is seen by `look`, which a signal calls on the same thread between two instructions
  # of the script: at the second tick of the clock after the request began, then at each, and when input arrives.
  # So nothing here needs a lock, but four states matter to it:
  #
  #   @job nil        nothing runs: the main loop reads by itself, and `look` keeps away from the input
  #   @settling       a job is over and is being answered: nothing may be raised
  #   @taking         input is being read and acted upon: nothing may be raised, and the input is not touched
  #   @wire.writing   a frame is being written: nothing may be raised; other frames wait for its end
  #
  # A stop is raised from the signal's handler in the script, once. If the job goes on for its grace, the process
  # ends. What blocks in C code that heeds no signal is left to a thread (guard.rb).
  class Interpreter
    include Dispatch # frames
    include Guard    # jobs that no signal reaches
    include Stops    # the clock; timeouts, interrupts, memory
    include Endings  # exit, at_exit, a fork's child
    include Talking  # Erlang.call and the like, what is printed
    include Figures  # info, events

    SESSION = TOPLEVEL_BINDING
    MAIN = SESSION.receiver
    NAMELESS = :""
    RETURN = /:in [`']<main>'\z/.freeze

    def initialize(options, input, output)
      @options = options
      @names = Names.new(options.max_atoms)
      @wire = Wire.new(input, output, options.max_frame)
      @wire.meanwhile { take_input(READ_AT_ONCE) }
      @requests = RequestReader.new(@names, options)
      @reader = Reader.new(@names, options.max_depth)
      @writer = Writer.new(@names, options.max_depth, options.max_frame)
      # Of what the program itself says: its names are not the script's.
      @teller = Writer.new(Names.new(Names::MOST), options.max_depth, options.max_frame)
      @clock = Clock.new
      @memory = Memory.new(options.memory_limit)
      @timeout = options.timeout
      @max_frame = options.max_frame
      @grace = options.grace_time
      @queue = []
      @upon = [] # requests of Erlang functions, for the call that they were made in
      @queue_deadline = nil
      @job = nil
      @settling = @taking = @awaiting = @unheard = false
      @ticking = @long = false
      @quiet = @last_call = 0
      @printed = @sent = 0
      @flow = @sent_flow = @never = false
      @waiting = nil
      @looked_at = @looks = 0
      @guarding = false
      @guard = @stuck = nil
      @at_exit = []
      @inbox = []
      @block = nil
      @owner = nil
      @evals = @calls = @others = @errors = @timeouts = @interrupts = 0
    end

    # From here on, what is printed are frames.
    def prepare
      Kernel.trap('ALRM') { tick }
      Kernel.trap('IO') { signalled }
      @output = Output.new(self, @options.max_frame)
    end

    # Never returns, but in the child of a fork.
    def serve
      while true
        begin
          cycle
        rescue Exception => e
          trouble(e)
        end
      end
    end

    private

    def cycle
      while true
        if (job = @queue.shift)
          run(job)
        elsif @wire.next_frame?
          frame
        else
          @wire.fill
        end
      end
    rescue EOFError, IOError, Errno::EBADF
      Hooks::QUIT.call(0)
    rescue TooLong
      too_long
    end

    # The next frame, while nothing runs. The two requests that are made most are read here, in one go; whatever is
    # unusual about them, RequestReader knows better.
    def frame
      job = quick_request
      return run(job) if job

      take(request(@wire.bytes, @wire.from, @wire.to))
    end

    def quick_request
      wire = @wire
      bytes = wire.bytes
      from = wire.from
      to = wire.to
      return unless bytes.getbyte(from) == 131 && bytes.getbyte(from + 1) == 104 && to - from > 12 &&
                    to - from <= @max_frame

      arity = bytes.getbyte(from + 2)
      r = @reader.open(bytes, from + 3, to)
      case r.term
      when :eval
        return unless arity == 3 || arity == 4

        job = Job.new(:eval, r.raw)
        code = job.code = r.binary
        return unless code && code.bytesize <= @options.max_source
        return unless arity == 3 || quick_timeout(job, r.term)
      when :call
        return unless arity == 4 || arity == 5

        job = Job.new(:call, r.raw)
        method = job.method = r.term
        return unless Symbol === method && !NAMELESS.equal?(method)

        arguments = job.arguments = r.arguments
        return unless Array === arguments
        return unless arity == 4 || quick_timeout(job, r.term)
      else return
      end
      r.end? ? job : nil
    rescue Malformed, Erlang::TermError
      nil
    end

    def quick_timeout(job, options)
      return false unless Hash === options && options.size == 1

      time = options[:timeout]
      return false unless Integer === time ? time >= 0 && time <= 1 << 40 : RequestReader::INFINITY == time

      job.timeout = time
    end

    # --- carrying out ---

    # Nothing else runs, or what runs waits for an Erlang function that asks for this.
    def run(job)
      outer = job.outer = @job
      start_clock unless @ticking
      note_arrival(job) if @timeout > 0 || job.timeout || @options.events
      begin
        begin
          @job = job
          reply = Frames.ok(job.id, perform(job), @writer)
        rescue Exception => e
          reply = failure(job, e)
        end
      rescue Exception # a stop, while its exception was told or just when it was done
        reply = nil
      end
      @settling = true
      @job = outer
      settle(job, reply)
      @settling = false
    end

    def perform(job)
      case job.kind
      when :eval
        bind(job) if job.bindings
        value = evaluate(job)
        job.no_value || job.id.nil? ? nil : value
      when :call
        arguments = job.arguments
        arguments = Reader.new(@names, @options.max_depth).open(arguments).arguments if String === arguments
        job.receiver ? receiver(job.receiver).__send__(job.method, *arguments) : MAIN.__send__(job.method, *arguments)
      when :compile
        file = job.file || '(eval)'
        Bytecode.pack(RubyVM::InstructionSequence.compile(code(job), file, file, job.line || 1))
      when :load then Bytecode.unpack(job.code).eval
      when :message
        deliver(decode(job.value))
        nil
      end
    end

    def evaluate(job)
      SESSION.eval(code(job), job.file || '(eval)', job.line || 1)
    rescue LocalJumpError => e
      raise unless e.reason == :return && RETURN.match?(e.backtrace.first)

      e.exit_value # `return` ends the code, as it does in a file
    end

    # Texts are UTF-8, as files of Ruby code are; what is not is taken byte for byte.
    def code(job)
      text = job.code.force_encoding(Encoding::UTF_8)
      text.valid_encoding? ? text : text.force_encoding(Encoding::BINARY)
    end

    def decode(bytes)
      Reader.new(@names, @options.max_depth).open(bytes).term
    end

    # All or none.
    def bind(job)
      decode(job.bindings).each { |name, value| SESSION.local_variable_set(name, value) }
    end

    def receiver(path)
      path.split('::', -1).inject(Object) do |holder, name|
        Kernel.raise TypeError, "#{holder.inspect} is not a class or module" unless Module === holder
        holder.const_get(name)
      end
    end

    # The script's texts are asked for: stops may still be raised.
    def failure(job, exception)
      if Hooks.interpreter.nil?
        @left_by = exception
        nil
      elsif job.raised
        nil
      elsif SystemExit === exception
        job.status = exception.status
        job.outcome = :exit
        run_at_exit(job)
        nil
      elsif NoMemoryError === exception
        job.outcome = :memory_limit
        nil
      else
        job.outcome = :error
        place = "#{job.file || '(eval)'}:#{job.line || 1}" if job.code
        error = Report.new(exception, place).to_h
        run_at_exit(job) if job.cast?
        Frames.error(job.id, error, @teller)
      end
    end

    # The job is over: what it has come to is answered.
    def settle(job, reply)
      leave_child if Hooks.interpreter.nil?
      await_guard if @guarding
      long_is_over if @long
      @wire.flush # what other threads have printed
      collect_last unless job.fresh && !@unheard
      job.kind == :call ? @calls += 1 : @evals += 1
      return settle_failure(job, reply) if job.raised || job.outcome

      note_event(job, :ok) if @options.events
      @wire.send(reply) if reply
    end

    # What others have written, who have told of it by a signal: it has come to this thread before anything that the
    # script could know of them, and was only put off, if that. But a request that is not short is looked after anyway.
    def collect_last
      @unheard = false
      @output.collect_last
    end

    def settle_failure(job, reply)
      @errors += 1
      @timeouts += 1 if job.raised && job.stop == :timeout
      @interrupts += 1 if job.raised && job.stop == :interrupted
      outcome = job.raised ? job.stop : job.outcome
      note_event(job, outcome)
      case outcome
      when :exit
        finish(job, @writer.write(job.status, +''.b), job.status & 255, job.status)
      when :error
        finish(nil, reply, 1, :error) if job.cast?
        @wire.send(reply)
      else
        finish(nil, Frames::ERROR + Frames.atom(outcome), 1, :error) if job.cast? && !job.raised
        @wire.send(Frames.failed(job.name, outcome))
      end
    end
  end
end
