# frozen_string_literal: true

require_relative 'terms'

# What Ruby code can ask of Erlang: docs/erlang.md.
module Erlang
  class << self
    # Rubeam::Interpreter
    attr_writer :rubeam_interpreter

    # Runs an Erlang function, and gives its value.
    def call(name, *arguments)
      interpreter.call(name, arguments)
    end

    # Sends a message, and gives the term back.
    def send(to, term)
      interpreter.send_message(to, term)
      term
    end

    # The owner, an Erlang::Pid; nil if nobody has said.
    def self
      interpreter.owner
    end

    # The block gets what Erlang sends, one term at a time; without one, none does.
    def on_message(&block)
      interpreter.on_message(block)
    end

    # Global variables, and those of the session, as their `inspect` says.
    def globals
      interpreter.globals
    end

    # Collects all garbage, and tells how many bytes are in use.
    def gc
      GC.start
      interpreter.memory
    end

    private

    def interpreter
      @rubeam_interpreter || raise(Error, 'this process is none that Erlang has started')
    end
  end
end

module Kernel
  # Gives the value to the owner.
  def send_response(value)
    Erlang.__send__(:interpreter).respond(value)
    true
  end
  private :send_response
end
