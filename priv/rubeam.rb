# frozen_string_literal: true

# Runs Ruby code for Erlang: started as a port, it speaks the protocol of Rubeam (docs/protocol.md), with the Ruby
# that it is run by. docs/cruby.md says how.
#
#   ruby rubeam.rb [stdio] [key=value ...]

require_relative 'rubeam/terms'
require_relative 'rubeam/options'
require_relative 'rubeam/interpreter'
require_relative 'rubeam/hooks'

module Rubeam
  class << self
    def main(words)
      start(words).serve
    end

    private

    def start(words)
      options = Options.new(words)
      words.clear # Kernel#gets would take them for files
      input, output = options.stdio ? standard : descriptors
      [input, output].each { |io| io.close_on_exec = true }
      quiet
      $LOAD_PATH.unshift(*options.load_path)
      interpreter = Interpreter.new(options, input, output)
      interpreter.prepare
      Erlang.rubeam_interpreter = interpreter
      Hooks.install(interpreter)
      interpreter
    rescue Options::Bad => e
      warn "rubeam: #{e.message}"
      exit! 64
    rescue NoMemoryError, ThreadError, Errno::ENOMEM, Errno::EMFILE => e
      warn "rubeam: #{e.message}"
      exit! 71
    end

    # Ruby takes them for itself if they are closed.
    def descriptors
      [IO.for_fd(3, 'rb'), IO.for_fd(4, 'wb')]
    rescue Errno::EBADF, Errno::EINVAL, ArgumentError
      raise Options::Bad, 'descriptors 3 and 4 are not open: it is a port with {packet, 4} and nouse_stdio that they are for'
    end

    # What the script prints must not get there.
    def standard
      [STDIN.dup.binmode, STDOUT.dup.binmode]
    end

    # No terminal is read, and Ctrl-C is for Erlang.
    def quiet
      STDIN.reopen(IO::NULL)
      Kernel.trap('INT', 'IGNORE')
      Kernel.trap('TERM', 'SYSTEM_DEFAULT')
      Kernel.trap('HUP', 'SYSTEM_DEFAULT')
    end
  end
end

Rubeam.main(ARGV)
