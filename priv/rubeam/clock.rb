# frozen_string_literal: true

module Rubeam
  # Looks after what runs: a signal every few milliseconds, whose handler runs on the main thread between two
  # instructions of Ruby, whatever is running there. A thread could not: one that computes lets go of Ruby's lock
  # ten times a second only.
  #
  # setitimer is called through Kernel#syscall, since Ruby has no other way to it that needs no library. Where its
  # number is not known, a thread sends the signal, which then comes late while Ruby computes.
  class Clock
    NUMBERS = { 'x86_64-linux' => 38, 'aarch64-linux' => 103, 'riscv64-linux' => 103, 'loongarch64-linux' => 103 }.freeze

    def initialize
      @number = NUMBERS[RUBY_PLATFORM[/\A[^-]+-linux/]]
      @buffers = {}
      @interval = 0
      @number = nil unless @number && set(0)
      @thread = nil
    end

    # Every so many microseconds from now on; 0: never.
    def every(interval)
      @interval = interval
      return if @number && set(interval)

      if @thread.nil? || !@thread.alive?
        @thread = Thread.new { tick }
      else
        @thread.wakeup
      end
    end

    private

    # The kernel reads the buffer at its address: so it is kept, and never changed.
    def set(interval)
      buffer, address = @buffers[interval] ||= begin
        text = [0, interval, 0, interval].pack('q4').freeze
        [text, [text].pack('P').unpack1('J')]
      end
      buffer && Kernel.syscall(@number, 0, address, 0) == 0
    rescue SystemCallError, NotImplementedError
      false
    end

    def tick
      loop do
        if @interval == 0
          Thread.stop
        else
          sleep @interval / 1e6
          Process.kill(:ALRM, Process.pid) if @interval > 0
        end
      end
    end
  end
end
