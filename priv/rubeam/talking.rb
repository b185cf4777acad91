# frozen_string_literal: true

require_relative 'talk'

module Rubeam
  # The script talks to Erlang: calls, messages, what it prints; and is made to wait where it is too fast.
  module Talking
    AHEAD = 1 << 20 # bytes that may be printed before they are read
    AHEAD_SENT = 256 << 10
    FRAME = 64 # what a frame counts beside its bytes
    NOBODY = 'there is nobody who could run the Erlang function'

    # A call whose function has not returned; `result` is the {return, …} that came.
    Call = Struct.new(:number, :result)

    # Erlang.call
    def call(name, arguments)
      text = function_name(name)
      Kernel.raise ThreadError, 'Erlang.call works on the main thread only' unless main?
      job = @job
      Kernel.raise nobody(NOBODY) if job.nil? || @settling

      number = @last_call += 1
      frame = Frames.call(job.name, number, text, arguments, new_writer)
      begin
        job.call = Call.new(number, nil)
        result = wait_for(job, frame)
      ensure
        job.call = nil
        release(number)
      end
      return decode(result.value) unless result.failed

      Kernel.raise failed_call(result.value)
    end

    # Erlang.send
    def send_message(to, term)
      unless address?(to)
        Kernel.raise TypeError, "#{Writer.class_name(to)} is no address: an Erlang::Pid, a registered name, or a " \
                                'tuple of name and node'
      end
      frame = Frames.message(to, term, new_writer)
      hold { !@sent_flow || @sent <= AHEAD_SENT }
      size = counted(frame)
      @sent += size
      @wire.send(frame)
    end

    # send_response
    def respond(value)
      frame = Frames.response(value, new_writer)
      await_reader
      print(frame)
    end

    # Erlang.self
    attr_reader :owner

    # Erlang.on_message
    def on_message(block)
      @block = block
      deliver_all
      block
    end

    # Erlang.globals
    def globals
      all = {}
      Kernel.global_variables.each { |name| tell(all, name) { TOPLEVEL_BINDING.eval(name.to_s) } }
      TOPLEVEL_BINDING.local_variables.each { |name| tell(all, name) { TOPLEVEL_BINDING.local_variable_get(name) } }
      all
    end

    def memory
      @memory.look
    end

    # --- for what prints ---

    def print(frame)
      size = counted(frame)
      @printed += size
      @wire.send(frame)
    end

    # Too much is on its way.
    def ahead?(most = AHEAD)
      @flow && @printed > most
    end

    def await_reader
      hold { !ahead? || refuse_print } if @flow
    end

    # What the block does is waiting.
    def sleeping
      return yield unless main?

      before = @waiting
      begin
        @waiting = :time
        yield
      ensure
        @waiting = before
      end
    end

    private

    # Asked for before it is added: where a method returns, the handler of a signal may take a {read, Bytes}, and what
    # that takes away would be lost if the sum had been looked at already.
    def counted(frame)
      frame.bytesize - 4 + FRAME
    end

    def main?
      Thread.current.equal?(Thread.main)
    end

    # A to_erl may talk, too, and other threads: so each frame has a writer of its own.
    def new_writer
      Writer.new(@names, @options.max_depth, @options.max_frame)
    end

    # --- calls ---

    def function_name(name)
      return name if String === name
      return name.to_s if Symbol === name

      Kernel.raise TypeError,
                   "the name of a function must be a Symbol or a String, not #{Writer.class_name(name)}"
    end

    # Until the function has returned; runs what it asks for meanwhile.
    def wait_for(job, frame)
      wait(:function) do
        @wire.send(frame)
        till = job.left && now + job.left
        until job.call.result
          nested = take_nested(job.call.number)
          nested ? run_upon(nested) : await_function(job, till)
        end
      end
      job.call.result
    end

    def run_upon(job)
      @awaiting = false
      run(job)
      @awaiting = true
      raise_stop
    end

    def take_nested(number)
      place = @upon.index { |other| other.within == number }
      place && @upon.delete_at(place)
    end

    # A job that was stopped waits for its grace, no longer; half of it is left then, and so on.
    def await_function(job, till)
      return await(nil) if till.nil?

      await([till - now, 0].max)
      return if now < till

      job.left /= 2
      Kernel.raise nobody(NOBODY)
    end

    # In the block only this thread's own code takes input, and not the handler of a signal: it would take what the
    # block is about to wait for.
    def wait(kind)
      before = @waiting
      awaiting = @awaiting # the script's own handler of a signal waits
      @waiting = kind
      @awaiting = true
      yield
    ensure
      @awaiting = awaiting
      @waiting = before
    end

    # Until there is input, which is taken; or for so many seconds.
    def await(seconds)
      unless take_input(0)
        @wire.await(seconds)
        take_input(Dispatch::READ_AT_ONCE)
      end
      raise_stop
    end

    # What the function has asked for and was not run in time is now as other requests are.
    def release(number)
      while (job = take_nested(number))
        job.within = nil
        enqueue(job)
      end
    end

    def nobody(message)
      Erlang::CallError.new(message, :exit, :noproc, [])
    end

    # Of #{class, reason, message, stack}; or of anything, from somebody who speaks the protocol himself.
    def failed_call(bytes)
      parts = failure_parts(bytes)
      if parts.nil?
        reason = part(bytes)
        return Erlang::CallError.new(reason.inspect, :error, reason, [])
      end
      message = part(parts['message'])
      message = message.inspect unless String === message
      Erlang::CallError.new(message, part(parts['class']), part(parts['reason']), part(parts['stack']))
    end

    def failure_parts(bytes)
      r = Reader.new(@names, @options.max_depth).open(bytes)
      count = r.map_head
      return if count.nil?

      parts = {}
      count.times do
        key = r.atom_name
        r.skip if key.nil?
        parts[key] = r.raw
      end
      parts if %w[class reason message stack].all? { |key| parts.key?(key) }
    end

    # What has no form in Ruby is nil: the message tells it in words.
    def part(bytes)
      decode(bytes)
    rescue Erlang::TermError
      nil
    end

    # --- messages ---

    def address?(to)
      case to
      when Symbol, String, Erlang::Pid, Erlang::Reference then true
      when Erlang::Tuple then to.size == 2
      else false
      end
    end

    def deliver(term)
      if @block.nil? && @inbox.size >= @options.queue_limit
        Kernel.raise 'too many messages wait for Erlang.on_message'
      end
      @inbox << term
      deliver_all
    end

    # One after the other; a block may ask for messages itself, or set another block.
    def deliver_all
      @block.call(@inbox.shift) while @block && !@inbox.empty?
    end

    # --- waiting for who reads ---

    # Who waits for an answer, and has said that he does not read before it comes, will not.
    def refuse_print
      return false unless @never && (answer_awaited? || @queue.any? { |job| !job.cast? })

      Kernel.raise IOError, 'too much is printed to an owner that waits for this request and reads nothing'
    end

    def answer_awaited?
      job = @job
      job = job.outer while job && job.cast?
      !job.nil?
    end

    def hold(&done)
      return if done.call
      return sleep_until(&done) unless main? && @job && !@settling

      wait(:time) { await(nil) until done.call }
    end

    # --- variables ---

    def tell(all, name)
      all[name.to_s] = inspected(yield)
    end

    # `inspect` may be the script's: what it raises is no reason to tell nothing of the others.
    def inspected(value)
      text = value.inspect
      return Report::UNTOLD unless String === text
      return text if text.bytesize <= Figures::INSPECTED

      "#{text.byteslice(0, Figures::INSPECTED).scrub('')}…"
    rescue StandardError, ScriptError, SystemStackError
      Report::UNTOLD
    end
  end
end
