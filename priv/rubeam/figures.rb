# frozen_string_literal: true

module Rubeam
  # What is told of the interpreter: its figures, and events of what becomes of requests.
  module Figures
    INSPECTED = 1000 # bytes of a value's text

    private

    def info
      {
        transport: :cruby, ruby: RUBY_VERSION, os_pid: Process.pid, state: state,
        waiting_for: (@job && @waiting) || :nothing, nested: [depth - 1, 0].max,
        memory: @memory.look, memory_peak: @memory.peak, memory_limit: @options.memory_limit || :infinity,
        objects: GC.stat(:heap_live_slots), collections: GC.count,
        queue: @queue.size + @upon.size, queue_limit: @options.queue_limit, timeout: @timeout,
        jobs: @evals + @calls, evals: @evals, calls: @calls, errors: @errors, timeouts: @timeouts,
        interrupts: @interrupts
      }
    end

    def state
      return :idle if @job.nil?

      @waiting ? :waiting : :running
    end

    # {request, Kind, Target, Outcome, Nanoseconds, Bytes}
    def note_event(job, outcome)
      return unless @options.events

      kind = job.kind == :eval && job.cast? ? :cast : job.kind
      target = job.kind == :call ? [job.receiver, job.method].compact.join('.') : nil
      event(:request, kind, target, outcome, ((now - job.arrived) * 1e9).to_i, @memory.now)
    end

    # {exit, Reason, Bytes}
    def note_exit(reason)
      event(:exit, reason, @memory.now)
    end

    def event(*parts)
      @wire.send(Frames.event(Erlang::Tuple.from_array(parts), @teller))
    rescue Erlang::TermError
      nil # of more bytes than a frame can have
    end
  end
end
