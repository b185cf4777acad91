# frozen_string_literal: true

module Rubeam
  # The words of the command line; names, ranges and defaults as in driver/options.c.
  class Options
    class Bad < StandardError; end

    NUMBERS = {
      'memory_limit' => [1 << 20, 1 << 32, nil], # without it: as much as there is
      'timeout' => [0, 1 << 40, 0],
      'queue_limit' => [0, 1 << 24, 10_000],
      'max_frame' => [64, 1 << 31, 64 << 20],
      'max_source' => [1, 1 << 30, 4 << 20],
      'max_depth' => [1, 1024, 256],
      'max_atoms' => [0, 1 << 20, 10_000],
      'slice' => [50, 100_000, 1000],
      'grace' => [1, 1 << 20, 50]
    }.freeze
    DIRECTORIES = 256
    DIRECTORY_BYTES = 4096

    attr_reader :memory_limit, :timeout, :queue_limit, :max_frame, :max_source, :max_depth, :max_atoms,
                :slice, :grace, :load_path, :events, :stdio

    def initialize(words)
      NUMBERS.each { |name, (_, _, default)| instance_variable_set("@#{name}", default) }
      @load_path = []
      @events = false
      @stdio = false
      words.each { |word| take(word) }
      freeze
    end

    # Of the time that a script has after a stop, in seconds.
    def grace_time
      @grace * @slice / 1e6
    end

    private

    def take(word)
      return @stdio = true if word == 'stdio'

      name, value = word.b.split('=', 2)
      bad(word) if value.nil?
      case name
      when *NUMBERS.keys then instance_variable_set("@#{name}", number(name, value, word))
      when 'events' then @events = switch(value, word)
      when 'load_path' then @load_path = directories(value, word)
      when 'packet' then value == '4' || bad(word)
      when 'pool' then %w[auto threads async].include?(value) || bad(word)
      else bad(word)
      end
    end

    def bad(word)
      Kernel.raise Bad, "#{word}: no such word, or a value out of its range"
    end

    def number(name, value, word)
      least, most, = NUMBERS[name]
      bad(word) unless /\A\d{1,20}\z/.match?(value)
      number = value.to_i
      bad(word) unless number >= least && number <= most
      number
    end

    def switch(value, word)
      bad(word) unless %w[on off].include?(value)
      value == 'on'
    end

    def directories(value, word)
      value = value.chomp(':') if value.size > 1
      list = value.split(':', -1).map { |text| directory(text, word) }
      bad(word) if list.empty? || list.size > DIRECTORIES
      list
    end

    def directory(text, word)
      bad(word) unless /\A(?:%(?!00)\h\h|[^%\x00-\x20])+\z/n.match?(text)
      path = text.gsub(/%(\h\h)/n) { $1.hex.chr }.force_encoding(Encoding::UTF_8)
      bad(word) unless path.start_with?('/') && path.bytesize <= DIRECTORY_BYTES
      path
    end
  end
end
