# frozen_string_literal: true

module Rubeam
  # Functions of Ruby's that end a process, divide it or handle its signals, where they would go past the protocol.
  module Hooks
    QUIT = Process.method(:exit!) # these two are Ruby's own
    SLEEP = Kernel.method(:sleep)
    OURS = %w[ALRM IO POLL].freeze

    # For Process._fork, which Ruby 3.1 and later call for every kind of fork.
    module Forking
      def _fork
        pid = super
        Hooks.forked if pid == 0
        pid
      end
    end

    class << self
      # nil in the child of a fork, which is an ordinary Ruby program.
      attr_reader :interpreter

      def install(interpreter)
        @interpreter = interpreter
        functions(:exit!, Kernel, Process) do |_original, status = false|
          interpreter.leave(status == true ? 0 : status == false ? 1 : Integer(status))
        end
        functions(:at_exit, Kernel) do |_original, &block|
          Kernel.raise ArgumentError, 'called without block' if block.nil?
          interpreter.at_exit(block)
        end
        functions(:sleep, Kernel) do |original, *seconds|
          interpreter.sleeping { original.call(*seconds) }
        end
        functions(:trap, Kernel, Signal) do |original, signal, *handler, &block|
          name = Signal.list.key(signal) || signal.to_s.delete_prefix('SIG')
          Kernel.raise ArgumentError, "can't trap reserved signal: SIG#{name}" if OURS.include?(name)
          original.call(signal, *handler, &block)
        end
        install_fork
      end

      def forked
        interpreter = @interpreter
        @interpreter = nil
        interpreter&.forked
      end

      private

      # Puts the block in the place of a function, for as long as there is an interpreter.
      def functions(name, *modules, &replacement)
        [[modules[0], true], *modules.map { |place| [place.singleton_class, false] }].each do |place, hidden|
          original = place.instance_method(name)
          place.define_method(name) do |*arguments, &block|
            if Hooks.interpreter.nil?
              original.bind_call(self, *arguments, &block)
            else
              replacement.call(original.bind(self), *arguments, &block)
            end
          end
          place.__send__(:private, name) if hidden
        end
      end

      def install_fork
        return Process.singleton_class.prepend(Forking) if Process.respond_to?(:_fork)

        functions(:fork, Kernel, Process) do |original, &block|
          next original.call { Hooks.forked; block.call } if block

          pid = original.call
          Hooks.forked if pid.nil?
          pid
        end
      end
    end
  end
end
