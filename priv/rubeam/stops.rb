# frozen_string_literal: true

module Rubeam
  # What happens to a job from outside while it runs. See the states in interpreter.rb.
  module Stops
    TICK = 4000       # µs between two looks, at first
    LATER = 20_000    # µs, for a job that has run for LONG; input then raises a signal of its own
    LONG = 25         # ticks
    QUIET = 25        # ticks without a job, after which the clock stands still
    FRAMES_NEEDED = 60
    # Of the time between two looks so much counts, and some is given beside the grace: a process that is not let run
    # must not be found at its end before it has begun to use it.
    MOST_PASSED = 0.005 # s
    LEAST_GRACE = 0.012

    # In the script: raises the stop that was decided on meanwhile.
    def raise_stop
      job = @job
      return if job.nil? || job.raised || job.stop.nil? || @settling || @taking || @wire.writing

      job.raised = true
      job.left = [@grace, LEAST_GRACE].max
      @clock.every(TICK)
      Kernel.raise job.stop == :timeout ? Erlang::Timeout.new('timeout') : Erlang::Interrupt.new('interrupted')
    end

    private

    def now
      Process.clock_gettime(Process::CLOCK_MONOTONIC)
    end

    def start_clock
      @quiet = 0
      @ticking = true
      wake_guard
      @clock.every(TICK)
    end

    # --- handlers of signals; on the main thread, wherever it is ---

    def tick
      return unless room? && Hooks.interpreter

      @looks += 1
      job = @job
      if job.nil?
        idle
      elsif job.fresh
        job.fresh = false
        @quiet = 0
      else
        @quiet += 1
        run_long if @quiet == LONG && !@long
        look
      end
    end

    def signalled
      return unless room? && Hooks.interpreter

      # The clock looks again, or who settles the job.
      return @unheard = true if @settling || @taking || @wire.writing

      pass_on
      @unheard = ahead?
      look if @long && @job
    end

    # What other threads and others have printed. Who was interrupted while he waits for input, or has just read some,
    # must find it as it was: what was taken here he would wait for.
    def pass_on
      return tell_printed unless @job.nil? || @awaiting

      @wire.leaving_input { tell_printed }
    end

    def tell_printed
      @wire.flush
      @output.collect
    end

    # A handler runs on the script's stack, which may be almost used up: then it does not begin.
    def room?(frames = FRAMES_NEEDED)
      frames == 0 || room?(frames - 1)
    rescue SystemStackError
      false
    end

    def idle
      return if @settling || @taking || @wire.writing

      pass_on
      @quiet += 1
      return if @quiet < QUIET

      @ticking = false
      @clock.every(0)
    end

    def run_long
      @long = true
      @wire.signals(true)
      @clock.every(LATER) unless @options.memory_limit # memory is soon used up
    end

    # The job that has run long is over.
    def long_is_over
      @long = false
      @quiet = 0
      @wire.signals(false)
      @clock.every(TICK)
    end

    def look
      return if @taking || @guarding

      take_input(Dispatch::READ_AT_ONCE) unless @awaiting
      return if @settling || @wire.writing

      pass_on
      look_at_time(now)
      look_at_memory(@job) if @options.memory_limit
      raise_stop
    end

    # --- time ---

    def look_at_time(time)
      fail_late(time) if @queue_deadline && time >= @queue_deadline
      passed = [time - @looked_at, MOST_PASSED].min
      @looked_at = time
      job = @job
      until job.nil?
        stop(job, :timeout) if job.deadline && time >= job.deadline && job.stop.nil?
        use_grace(job, passed) if job.left
        job = job.outer
      end
    end

    # The time of a thread that was not let run is not the job's. One that waits for an Erlang function looks at its
    # time by itself.
    def use_grace(job, passed)
      return if @awaiting && job.equal?(@job)

      job.left -= passed
      kill(job.stop, 81, :killed) if job.left <= 0
    end

    # Requests that are late before they began.
    def fail_late(time)
      late, @queue = @queue.partition { |job| job.deadline && time >= job.deadline }
      @queue_deadline = @queue.map(&:deadline).compact.min
      late.each do |job|
        @timeouts += 1
        fail_queued(job, :timeout)
      end
    end

    def fail_queued(job, reason)
      note_event(job, reason) if @options.events
      @wire.send(Frames.failed(job.name, reason))
    end

    # The deadline of a request that has just come; nil: none.
    def deadline_of(job)
      ms = job.timeout || @timeout
      return if ms == RequestReader::INFINITY || (ms == 0 && job.timeout.nil?)

      now + (ms == 0 ? 1e-9 : ms / 1000.0)
    end

    # --- stops ---

    # Those that stand upon the job are stopped as well.
    def stop(job, why)
      level = @job
      until level.nil?
        level.stop ||= why
        break if level.equal?(job)

        level = level.outer
      end
    end

    # Without an Id the lowest job is meant, and with it all upon it.
    def interrupt(id)
      if id
        found, @queue = @queue.partition { |job| job.id == id } if @queue.any? { |job| job.id == id }
        found&.each { |job| fail_queued(job, :interrupted) }
      end
      job = @job
      job = job.outer until job.nil? || (id ? job.id == id : job.outer.nil?)
      stop(job, :interrupted) if job
    end

    # It goes on all the same.
    def kill(why, status, reason)
      job = @job
      note_event(job, job.raised ? job.stop : reason) if @options.events
      @wire.send(Frames.failed(job.name, why)) unless job.cast? && !job.raised
      @job = job.outer
      finish(nil, Frames.atom(reason), status, reason)
    end

    # --- memory ---

    # The script is told once, and has what is between the limits to make room; if it goes on, the process ends.
    def look_at_memory(job)
      case @memory.judge(job.scarce)
      when :tell
        job.scarce = true
        Kernel.raise NoMemoryError, 'failed to allocate memory'
      when :kill then kill(:memory_limit, 82, :memory_limit)
      end
    end
  end
end
