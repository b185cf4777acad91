# frozen_string_literal: true

module Rubeam
  # What becomes of frames: some take effect at once, also while a job runs; jobs wait for their turn.
  module Dispatch
    READ_AT_ONCE = 64 # chunks of input in one look
    NESTED = 64
    NOT_ACCEPTED = 'a request with a result needs no {accept, Id, Frame}'
    TOO_DEEP = 'Erlang functions and the requests that they make are nested too deep'

    private

    # Reads what is there, while a job runs: first what has been read already. May be called while a frame is written.
    # False: nothing was there.
    def take_input(chunks)
      taken = await_guard
      within = @taking # a frame is answered, and that has to wait
      @taking = true
      while true
        while @wire.next_frame?
          taken = true
          take(request(@wire.bytes, @wire.from, @wire.to))
        end
        break if chunks == 0 || !@wire.fill_now

        chunks -= 1
      end
      taken
    rescue EOFError, IOError, Errno::EBADF
      Hooks::QUIT.call(0)
    rescue TooLong
      too_long
    ensure
      @taking = within
    end

    def too_long
      @wire.send(Frames.refused(Job::UNDEFINED, 'a frame longer than max_frame'))
      Hooks::QUIT.call(65)
    end

    # nil: it was not understood, and that is answered.
    def request(bytes, from = 0, to = bytes.bytesize, inner = false)
      @requests.read(bytes, from, to, inner)
    rescue BadRequest => e
      @wire.send(Frames.refused(e.id || Job::UNDEFINED, e.message))
      nil
    end

    def take(job)
      return if job.nil?

      case job.kind
      when :eval, :call, :compile, :load, :message then accept_job(job, job.name)
      when :interrupt then interrupt(job.id)
      when :return then give_back(job)
      when :within then take_within(job)
      when :accept then take_accepted(job)
      when :owner
        @owner = decode(job.value)
        @wire.send(Frames.ok(job.id, nil, @writer))
      when :info then @wire.send(Frames.ok(job.id, info, @teller))
      when :read
        @flow = true
        @never = job.number == RequestReader::NEVER
        @printed = [@printed - job.number, 0].max unless @never
        @output.collect unless @wire.writing # what was left in the pipes
      when :sent
        @sent_flow = true
        @sent = [@sent - job.number, 0].max
      end
    end

    # Behind the others. False: there are too many, which is answered.
    def accept_job(job, name)
      note_arrival(job)
      if @job && @queue.size + @upon.size >= @options.queue_limit
        note_event(job, :busy) if @options.events
        @wire.send(Frames.failed(name, :busy))
        return false
      end
      enqueue(job)
      true
    end

    def enqueue(job)
      @queue << job
      @queue_deadline = [@queue_deadline, job.deadline].compact.min if job.deadline
    end

    def note_arrival(job)
      job.arrived ||= now if @options.events
      job.deadline ||= deadline_of(job)
    end

    # A request without a result, whose sender wants to know whether it is accepted.
    def take_accepted(envelope)
      job = begin
        @requests.read(envelope.frame, 0, envelope.frame.bytesize, true)
      rescue BadRequest => e
        return @wire.send(Frames.refused(envelope.id, e.message))
      end
      case job.kind
      when :eval, :message
        return @wire.send(Frames.refused(envelope.id, NOT_ACCEPTED)) unless job.cast?
        return unless accept_job(job, envelope.id)
      when :interrupt then interrupt(job.id)
      when :return
        return @wire.send(Frames.failed(envelope.id, :gone)) unless give_back(job)
      when :take, :read, :sent then take(job)
      else return @wire.send(Frames.refused(envelope.id, NOT_ACCEPTED))
      end
      @wire.send(Frames.accepted(envelope.id))
    end

    # Made by the Erlang function of a call: it runs upon the job that waits for that. A cast has nobody who waits,
    # and comes after.
    def take_within(envelope)
      job = request(envelope.frame, 0, envelope.frame.bytesize, true)
      return if job.nil?

      case job.kind
      when :eval, :call, :compile, :load, :message
        return take(job) if job.cast? || waiting_job(envelope.number).nil?

        job.within = envelope.number
        take_upon(job)
      else take(job)
      end
    end

    def take_upon(job)
      if depth > NESTED
        @wire.send(Frames.refused(job.id, TOO_DEEP))
      elsif @queue.size + @upon.size >= @options.queue_limit && @job.call&.number != job.within
        @wire.send(Frames.failed(job.id, :busy))
      else
        note_arrival(job)
        @upon << job
      end
    end

    # Jobs upon each other, the running one included.
    def depth
      count = 0
      job = @job
      while job
        count += 1
        job = job.outer
      end
      count
    end

    # The job that waits for the call's function.
    def waiting_job(number)
      job = @job
      job = job.outer until job.nil? || (job.call && job.call.number == number && !job.call.result)
      job
    end

    # False: nobody waits for it any more.
    def give_back(job)
      waiting = waiting_job(job.number)
      return false if waiting.nil?

      waiting.call.result = job
      true
    end
  end
end
