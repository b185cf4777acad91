# frozen_string_literal: true

module Rubeam
  # A thread that looks after a job which no signal reaches: its code waits inside of a C function that heeds none, or
  # in its own handler of a signal. It can't be stopped there; but input is taken, so that its end ends the program,
  # and when a stop was due for long, the process ends. It looks while the clock ticks.
  #
  # While @guarding is set the input is this thread's; the main thread waits for it where it would take input, and at
  # the job's end.
  module Guard
    EVERY = 0.2     # s
    PATIENCE = 100  # times the grace, as the driver has with C functions

    private

    def guard
      while true
        @ticking ? watch : Thread.stop
      end
    end

    # When the clock begins to tick.
    def wake_guard
      @guard = Thread.new { guard } unless @guard&.alive?
      @guard.wakeup
    rescue ThreadError
      nil # it was dying just then
    end

    def watch
      job = @job
      looks = @looks
      Hooks::SLEEP.call(EVERY)
      return @stuck = nil if looks != @looks || job.nil? || !job.equal?(@job)

      @guarding = true
      # What was seen before may be different now: the main thread may have run in between.
      look_from_outside if @job && looks == @looks && !(@settling || @taking || @awaiting || @wire.writing)
      @guarding = false
    end

    def look_from_outside
      take_input(Dispatch::READ_AT_ONCE)
      time = now
      job = @job
      while job
        stop(job, :timeout) if job.deadline && time >= job.deadline && job.stop.nil?
        job = job.outer
      end
      return if @job.nil? || @job.stop.nil?

      @stuck ||= time
      kill(@job.stop, 81, :killed) if time - @stuck >= @grace * PATIENCE
    end

    # True: it was there, and may have taken what the main thread is about to wait for.
    def await_guard
      return false unless @guarding && main?

      Hooks::SLEEP.call(0.001) while @guarding
      true
    end
  end
end
