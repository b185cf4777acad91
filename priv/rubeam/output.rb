# frozen_string_literal: true

module Rubeam
  # What is printed. STDOUT and STDERR keep what they are, but what they write becomes frames: one for each puts,
  # print or write. Their descriptors are pipes, read here, for what others write to them: child processes, C code.
  class Output
    HEAD = 32 # more than a frame has beside the text
    MOST = 65_536
    AT_ONCE = 16 # pieces of what others wrote
    TO_S = Kernel.instance_method(:to_s)

    # The methods of one of the two, in the place of IO's.
    module Stream
      def write(*texts)
        output = Output.current
        return super if output.nil?

        text = texts.size == 1 ? Output.text(texts[0]) : Output.join(texts)
        output.emit(@rubeam_stream, text)
        text.bytesize
      end

      def print(*things)
        return super if things.empty? || Output.current.nil?

        write(*things)
        nil
      end

      def puts(*things)
        return super if Output.current.nil?

        write(Output.lines(things))
        nil
      end

      def <<(thing)
        write(thing)
        self
      end

      def putc(thing)
        write(String === thing ? thing[0] : (Integer(thing) & 0xff).chr)
        thing
      end

      def printf(*arguments)
        write(Kernel.format(*arguments)) unless arguments.empty?
        nil
      end

      def syswrite(text)
        write(text)
      end

      def write_nonblock(text, **)
        write(text)
      end
    end

    class << self
      attr_accessor :current

      def text(thing)
        return thing if String === thing

        text = thing.to_s
        String === text ? text : TO_S.bind_call(thing)
      end

      # Bytes of any encoding can stand beside each other.
      def join(things)
        things.each_with_object(+'') { |thing, all| append(all, text(thing)) }
      end

      # What puts writes, as one text.
      def lines(things)
        all = +''
        things.empty? ? all << "\n" : add_lines(all, things, [])
        all
      end

      private

      def add_lines(all, things, open)
        return append(all, "[...]\n") if open.any? { |list| list.equal?(things) }

        open.push(things)
        things.each do |thing|
          list = Array.try_convert(thing) unless String === thing
          next add_lines(all, list, open) if list

          line = text(thing)
          append(all, line)
          all << "\n" unless line.bytesize > 0 && line.getbyte(-1) == 10
        end
        open.pop
      end

      def append(all, text)
        all << text
      rescue Encoding::CompatibilityError
        all.force_encoding(Encoding::BINARY) << text.b
      end
    end

    def initialize(interpreter, max_frame)
      @interpreter = interpreter
      @most = max_frame - HEAD
      @last = String.new(capacity: MOST)
      @sources = [[STDOUT, 'stdout'], [STDERR, 'stderr']].map { |io, name| take_over(io, name) }
      Output.current = self
      join_printing
      join_pretty
    end

    def emit(name, text)
      return if text.empty?

      @interpreter.await_reader
      frames(name, text)
    end

    # Takes what others have written, unless too much is on its way already.
    def collect
      @sources.each do |pipe, name|
        AT_ONCE.times do
          break if @interpreter.ahead?

          text = pipe.read_nonblock(MOST, exception: false)
          break unless String === text

          frames(name, text)
        end
      end
    end

    # What they have written by now, when the end of a request is about to be told: it comes before that. A pipe holds no
    # more than one piece.
    def collect_last
      @sources.each do |pipe, name|
        break if @interpreter.ahead?(2 * Talking::AHEAD)

        text = pipe.read_nonblock(MOST, @last, exception: false)
        frames(name, text) if String === text
      end
    end

    private

    def frames(name, text)
      size = text.bytesize
      return frame(name, text) if size <= @most

      at = 0
      while at < size
        frame(name, text.byteslice(at, @most))
        at += @most
      end
    end

    def frame(name, text)
      size = text.bytesize
      @interpreter.print([size + 24, "\x83h\x03w\x06outputw\x06".b, name, 109, size, text].pack('Na*a*CNa*'))
    end

    # Kernel's own print would write each thing for itself.
    def join_printing
      original = Kernel.instance_method(:print)
      [Kernel, Kernel.singleton_class].each do |place|
        place.define_method(:print) do |*things|
          next original.bind_call(self, *things) if things.empty? || !$stdout.equal?(STDOUT)

          $stdout.print(*things)
        end
      end
      Kernel.__send__(:private, :print)
    end

    # As print, and pp writes each bracket for itself.
    def join_pretty
      Kernel.define_method(:pp) do |*things|
        require 'pp'
        things.each { |thing| $stdout.write(PP.pp(thing, +'')) }
        things.size > 1 ? things : things.first
      end
      Kernel.__send__(:private, :pp)
    end

    # The pipe that others' bytes come through, and the stream's name.
    def take_over(io, name)
      reader, writer = IO.pipe(Encoding::BINARY)
      io.reopen(writer)
      writer.close
      io.sync = true
      io.instance_variable_set(:@rubeam_stream, name)
      io.singleton_class.prepend(Stream)
      reader.fcntl(Wire::SET_OWNING_THREAD, [0, Process.pid].pack('i2')) # the main thread: another may be slow to run
      reader.fcntl(Wire::SET_FLAGS, reader.fcntl(Wire::GET_FLAGS) | Wire::SIGNALLED | Wire::NON_BLOCKING)
      [reader, name]
    end
  end
end
