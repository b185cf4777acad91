# frozen_string_literal: true

require_relative 'writer'

module Rubeam
  # What is told of an exception. Its texts may be made by the script, so that asking for them may raise.
  class Report
    MESSAGE_BYTES = 64 << 10
    LINES = 100
    UNTOLD = "(can't be told: it raises)"
    BACKTRACE = Exception.instance_method(:backtrace)
    OWN = "#{__dir__}/"
    MAIN = File.expand_path('../rubeam.rb', __dir__)
    NO_METHOD = /\A<\w.*>\z/mn.freeze
    # "(eval):1:in `foo'", and with a ' before foo from Ruby 3.4 on; <main> and the like are no methods.
    LINE = /\A(.*:\d+)(?::in [`'](?:block (?:\(\d+ levels\) )?in )?(<.*>|.*)')?\z/mn.freeze

    # `place`: of what was raised in no line of the script's.
    def initialize(exception, place = nil)
      @exception = exception
      @place = place
    end

    def to_h
      text = message
      { class: cut(Writer.class_name(@exception)), message: cut(text), backtrace: backtrace(text) }
    end

    # "file:line: message (Class)", as Ruby prints it.
    def to_s
      place = backtrace(message).first
      "#{"#{place}: " if place}#{message} (#{Writer.class_name(@exception)})\n"
    end

    private

    def message
      text = @exception.message
      text = text.inspect unless String === text
      String === text ? text : UNTOLD
    rescue SystemExit, StandardError, SystemStackError, ScriptError, NoMemoryError
      UNTOLD
    end

    # Of syntax errors the place is in the message alone.
    def backtrace(text)
      lines = BACKTRACE.bind_call(@exception)
      lines = Array === lines ? lines.reject { |line| own?(line) } : []
      if lines.empty? && SyntaxError === @exception && (place = text.b[/\A[^\n]*?:\d+(?=:)/n])
        return [cut(place)]
      end
      lines = [@place] if lines.empty? && @place
      lines.first(LINES).map { |line| cut(plain(line)) }
    end

    def own?(line)
      !(String === line) || line.start_with?(OWN, MAIN) || line.start_with?('<internal:')
    end

    def plain(line)
      match = LINE.match(line.b)
      return line if match.nil?

      method = match[2]
      method.nil? || NO_METHOD.match?(method) ? match[1] : "#{match[1]}:in #{method}"
    end

    def cut(text)
      text.bytesize > MESSAGE_BYTES ? text.byteslice(0, MESSAGE_BYTES) : text
    end
  end
end
