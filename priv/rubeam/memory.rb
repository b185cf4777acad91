# frozen_string_literal: true

module Rubeam
  # What the process takes: resident bytes, of Linux. Of what Ruby's collector has freed the C library keeps much, so
  # that the process hardly ever shrinks; it is growth that counts. Beyond the limit a script is told when the process
  # has become larger than when one was told before.
  class Memory
    PAGE = 4096
    LEAST_BEYOND = 8 << 20
    LEAST_GROWTH = 1 << 20

    # Resident bytes, as they were when somebody last looked.
    attr_reader :now

    def initialize(limit)
      @begin = look
      return if limit.nil?

      beyond = [limit / 4, LEAST_BEYOND].max
      @soft = @begin + limit
      @hard = @soft + beyond
      @grace = beyond / 4
      @most = @hard + limit # whatever was told
      @step = [limit / 8, LEAST_GROWTH].max
      @collect_at = @begin + limit / 2
      @told = 0
    end

    def look
      @now = File.read('/proc/self/statm').split[1].to_i * PAGE
    rescue SystemCallError
      @now = 0
    end

    def peak
      File.read('/proc/self/status')[/^VmHWM:\s*(\d+)/, 1].to_i * 1024
    rescue SystemCallError
      @now
    end

    # :well, or :tell, or :kill. `told`: the script has been told already. Garbage does not count.
    def judge(told)
      return :well if look < @collect_at

      GC.start
      @collect_at = look + @step
      if @now > @most || (told && @now > [@hard, @told + @grace].max)
        :kill
      elsif !told && @now > [@soft, @told + LEAST_GROWTH].max
        @told = @now
        @collect_at = @now + LEAST_GROWTH
        :tell
      else
        :well
      end
    end
  end
end
