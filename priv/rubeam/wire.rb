# frozen_string_literal: true

module Rubeam
  # What `interpreter.rb` says and hears: frames with four bytes of length before them. Written on the main thread
  # alone, one whole frame after the other; other threads leave theirs here and say so by a signal.
  class Wire
    CHUNK = 65_536
    SIGNALLED = 0o20000 # O_ASYNC, of Linux as the others
    NON_BLOCKING = 0o4000 # O_NONBLOCK
    SET_OWNER = 8       # F_SETOWN
    SET_OWNING_THREAD = 15 # F_SETOWN_EX, with [F_OWNER_TID, its number]
    GET_FLAGS = 3
    SET_FLAGS = 4

    # Is a frame being written? Then nothing may be raised here, and nothing else be written.
    attr_reader :writing
    # Of the frame that next_frame has found.
    attr_reader :bytes, :from, :to

    def initialize(input, output, max_frame)
      @in = input
      @out = output
      @ins = @watched = [input].freeze
      @outs = [output].freeze
      @max_frame = max_frame + RequestReader::ENVELOPE
      @chunk = String.new(capacity: CHUNK)
      @more = String.new(capacity: CHUNK)
      @bytes = @chunk
      @at = @size = 0
      @outbox = []
      @writing = false
      @main = Thread.main
      @signals = false
      input.fcntl(SET_OWNER, Process.pid)
      @flags = input.fcntl(GET_FLAGS) & ~SIGNALLED
      output.fcntl(SET_FLAGS, output.fcntl(GET_FLAGS) | NON_BLOCKING)
    end

    # The child of a fork says and hears nothing.
    def close
      @in.close
      @out.close
    end

    # --- in ---

    # Is a whole frame there? Then it is taken. TooLong if its length is more than may be, whatever is in it.
    def next_frame?
      at = @at
      return false if @size - at < 4

      bytes = @bytes
      length = (bytes.getbyte(at) << 24) | (bytes.getbyte(at + 1) << 16) | (bytes.getbyte(at + 2) << 8) |
               bytes.getbyte(at + 3)
      Kernel.raise TooLong if length > @max_frame
      to = at + 4 + length
      return false if to > @size

      @from = at + 4
      @to = @at = to
      true
    end

    # Waits for bytes. EOFError at the end.
    def fill
      if @at == @size
        @bytes = @chunk
        @at = @size = 0
        @size = @in.sysread(CHUNK, @chunk).bytesize
      else
        keep_rest
        @in.sysread(CHUNK, @more)
        @bytes << @more
        @size = @bytes.bytesize
      end
    rescue Errno::EINTR, Errno::EAGAIN
      IO.select(@ins)
      retry
    end

    # Takes what is there without waiting. False: nothing was.
    def fill_now
      return false unless IO.select(@ins, nil, nil, 0)

      keep_rest
      @in.sysread(CHUNK, @more)
      @bytes << @more
      @size = @bytes.bytesize
      true
    rescue Errno::EINTR, Errno::EAGAIN
      false
    end

    # Until there is input, or so many seconds are over (nil: however long).
    def await(seconds)
      IO.select(@ins, nil, nil, seconds)
    end

    # Until the end of input, which is not read any more, or so many seconds are over.
    def await_end(seconds)
      over = Process.clock_gettime(Process::CLOCK_MONOTONIC) + seconds
      while (left = over - Process.clock_gettime(Process::CLOCK_MONOTONIC)).positive?
        @in.sysread(CHUNK) if IO.select(@ins, nil, nil, left)
      end
    rescue EOFError, IOError, SystemCallError
      nil
    end

    # Shall input raise a signal (SIGIO)?
    def signals(wanted)
      return if @signals == wanted

      @signals = wanted
      @in.fcntl(SET_FLAGS, wanted ? @flags | SIGNALLED : @flags)
    rescue SystemCallError
      nil # the clock looks, too
    end

    # --- out ---

    # A frame with its length before it.
    def send(frame)
      if @writing
        @outbox << frame
      elsif Thread.current.equal?(@main)
        @writing = true
        write(frame)
        @writing = false
        flush unless @outbox.empty?
      else
        @outbox << frame
        Process.kill(:IO, Process.pid)
      end
    end

    # What was left here. On the main thread, or at the program's end.
    def flush
      until @writing || (frame = @outbox.shift).nil?
        @writing = true
        write(frame)
        @writing = false
      end
    end

    # What is to be done when there is input while a write has to wait for the reader, who may be waiting to write.
    def meanwhile(&block)
      @meanwhile = block
    end

    # In the block a write waits for the reader alone: the input is somebody else's.
    def leaving_input
      before = @watched
      @watched = nil
      yield
    ensure
      @watched = before
    end

    private

    # What is not taken yet, in a string that can grow.
    def keep_rest
      return if @bytes.equal?(@rest) && @at == 0

      @rest = @bytes.byteslice(@at, @size - @at)
      @bytes = @rest
      @at = 0
      @size = @rest.bytesize
    end

    def write(frame)
      begin
        written = @out.syswrite(frame)
      rescue Errno::EINTR, Errno::EAGAIN
        written = 0
      end
      write_rest(frame, written) if written < frame.bytesize
    rescue SystemCallError, IOError # nobody reads
      Hooks::QUIT.call(74)
    end

    def write_rest(frame, written)
      while written < frame.bytesize
        _, writable, = IO.select(@watched, @outs, nil)
        @meanwhile.call if writable.empty?
        next if writable.empty?

        begin
          written += @out.syswrite(frame.byteslice(written, CHUNK))
        rescue Errno::EINTR, Errno::EAGAIN
          nil
        end
      end
    end
  end

  # A frame's length says more than max_frame.
  class TooLong < StandardError; end
end
