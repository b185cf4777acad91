# frozen_string_literal: true

module Rubeam
  # What the process takes: resident bytes, of Linux.
  class Memory
    PAGE = 4096
    LEAST_BEYOND = 8 << 20

    # Resident bytes, as they were when somebody last looked.
    attr_reader :now, :limit

    def initialize(limit)
      @limit = limit
      @begin = look
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

    # :none, :soft or :hard: which limit the process is beyond.
    def beyond
      more = look - @begin
      return :none if more <= @limit

      more > @limit + [@limit / 4, LEAST_BEYOND].max ? :hard : :soft
    end
  end
end
