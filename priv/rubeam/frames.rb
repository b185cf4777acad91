# frozen_string_literal: true

require_relative 'request'
require_relative 'writer'

module Rubeam
  # Frames from Ruby, with their length before them.
  module Frames
    REPLY = "\x83h\x03w\x05reply".b.freeze
    OK = "h\x02w\x02ok".b.freeze
    ERROR = "h\x02w\x05error".b.freeze
    REFUSED = "h\x02w\x05errorh\x02w\x0bbad_request".b.freeze
    ACCEPTED = "w\x02ok".b.freeze
    EXIT = "\x83h\x02w\x04exit".b.freeze
    RESPONSE = "\x83h\x02w\x08response".b.freeze
    CALL = "\x83h\x04w\x04callh\x02".b.freeze
    SEND = "\x83h\x03w\x04send".b.freeze
    EVENT = "\x83h\x02w\x05event".b.freeze
    LENGTH = "\0\0\0\0".b.freeze
    # The beginnings of short replies.
    HEADS = Array.new(256) { |size| ([size].pack('N') << REPLY).freeze }.freeze
    REPLY_OK = REPLY.bytesize + OK.bytesize

    class << self
      # {reply, Id, {ok, Value}}; nil without an Id. Raises what a value without a form does.
      def ok(id, value, writer)
        return if id.nil?

        if (short = writer.short(value)) && (size = REPLY_OK + id.bytesize + short.bytesize) < 256
          return "#{HEADS[size]}#{id}#{OK}#{short}"
        end
        whole(LENGTH.dup << REPLY << id << OK, writer, value)
      end

      # {reply, Id, {error, Error}}, or without an Id the bytes of {error, Error}; of an Error that is too large
      # for a frame, that it is.
      def error(id, error, writer)
        body = writer.write(error, ERROR.dup)
        id ? reply(id, body) : body
      rescue Erlang::TermError
        too_large(id, writer)
      end

      # {reply, Id, {error, Reason}}
      def failed(name, reason)
        reply(name, ERROR + atom(reason))
      end

      def refused(name, why)
        reply(name, REFUSED + [109, why.bytesize, why].pack('CNa*'))
      end

      def accepted(name)
        reply(name, ACCEPTED)
      end

      def reply(name, body)
        [REPLY.bytesize + name.bytesize + body.bytesize, REPLY, name, body].pack('Na*a*a*')
      end

      # {exit, Reason}; the reason is an encoded term.
      def exit(reason)
        framed(EXIT, reason)
      end

      def response(value, writer)
        whole(LENGTH + RESPONSE, writer, value)
      end

      # {call, {Id, Number}, Name, Args}
      def call(name, number, function, arguments, writer)
        whole(LENGTH + CALL << name, writer, number, function, arguments)
      end

      def message(to, term, writer)
        whole(LENGTH + SEND, writer, to, term)
      end

      def event(event, writer)
        whole(LENGTH + EVENT, writer, event)
      end

      def atom(name)
        Names.encode(name.to_s)
      end

      private

      def framed(head, body)
        [head.bytesize + body.bytesize, head, body].pack('Na*a*')
      end

      # `out` begins with room for the length.
      def whole(out, writer, *terms)
        terms.each { |term| writer.write(term, out) }
        size = out.bytesize - 4
        out.setbyte(0, size >> 24)
        out.setbyte(1, (size >> 16) & 255)
        out.setbyte(2, (size >> 8) & 255)
        out.setbyte(3, size & 255)
        out
      end

      def too_large(id, writer)
        error = { class: 'RuntimeError', message: 'the reply is larger than max_frame', backtrace: [] }
        body = writer.write(error, ERROR.dup)
        id ? reply(id, body) : body
      rescue Erlang::TermError
        id ? failed(id, :memory_limit) : ERROR + atom(:memory_limit)
      end
    end
  end
end
