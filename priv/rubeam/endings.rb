# frozen_string_literal: true

module Rubeam
  # How the program ends, by the script's will or by its own; and what becomes of a fork's child.
  module Endings
    # exit!(status), from anywhere.
    def leave(status)
      sleep_until { !@wire.writing } unless main?
      job = @job
      note_event(job, :exit) if job && @options.events
      finish(job, @writer.write(status, +''.b), status & 255, status)
    end

    # at_exit
    def at_exit(block)
      @at_exit << block
      block
    end

    # In the child of a fork: it has no part in the protocol, and prints to the pipes that its parent reads.
    def forked
      Output.current = nil
      @wire.close
      Erlang.rubeam_interpreter = nil
      blocks = @at_exit
      blocks.each { |block| Kernel.at_exit(&block) } # the child's own, from here on
      Kernel.trap('ALRM', 'DEFAULT')
      Kernel.trap('IO', 'DEFAULT')
    end

    private

    # The last first. What one raises is told, its exit changes the status.
    def run_at_exit(job)
      while !job.raised && (block = @at_exit.pop)
        begin
          block.call
        rescue SystemExit => e
          unless job.raised
            job.status = e.status
            job.outcome = :exit
          end
        rescue Exception => e
          @output.emit('stderr', Report.new(e).to_s) unless job.raised
        end
      end
    end

    # The rest of a request whose code has forked is the child's, and its end.
    def leave_child
      Kernel.raise @left_by if @left_by
      Kernel.exit
    end

    # Answers `closed` to `job` if given, those that it runs upon and those that wait; then the last frame.
    # `reason` is an encoded term, `event` what is told to observers.
    def finish(job, reason, status, event)
      collect_last
      waiting = []
      level = job || @job
      while level
        waiting << level
        level = level.outer
      end
      waiting.concat(@upon, @queue)
      waiting.each do |other|
        note_event(other, :closed) if @options.events && !other.equal?(job)
        @wire.send(Frames.failed(other.name, :closed)) unless other.cast? && other.equal?(job)
      end
      note_exit(event) if @options.events
      @wire.send(Frames.exit(reason))
      @wire.flush
      linger if @flow
      Hooks::QUIT.call(status)
    end

    # Who writes to a program that is gone hears of that, and not what it has said last. Who counts what it reads
    # closes the pipes when it has read the last frame.
    def linger
      @wire.await_end(1)
    end

    # Something was raised where nothing of the script's runs: by another of its threads, or by its handler of a
    # signal. As in any program it ends this one, unless it is a stop that came late.
    def trouble(exception)
      Kernel.raise exception if Hooks.interpreter.nil?
      Hooks::QUIT.call(70) if @wire.writing # the stream is broken
      @settling = @taking = @awaiting = false
      job = @job
      @job = nil
      return @wire.send(Frames.failed(job.name, job.stop)) if job&.raised
      return if Erlang::Timeout === exception || Erlang::Interrupt === exception

      last = Job.new(:eval, nil)
      last.outer = job
      @job = last
      reply = failure(last, exception)
      @settling = true
      @job = job
      settle_failure(last, reply)
    end

    def sleep_until
      Hooks::SLEEP.call(0.001) until yield
    end
  end
end
