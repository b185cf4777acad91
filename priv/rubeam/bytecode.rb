# frozen_string_literal: true

module Rubeam
  # Compiled code with a head of 20 bytes: what it is, which build of Ruby made it, a checksum. Ruby trusts
  # bytecode: so what is damaged or of another build must be found out here.
  module Bytecode
    MAGIC = 'RBY1'.b.freeze
    HEAD = 20
    MODULUS = (1 << 31) - 1 # a prime; a product of two numbers below it is no large Integer

    module_function

    def pack(sequence)
      bytes = sequence.to_binary
      [MAGIC, BUILD, checksum(bytes), bytes].pack('a4Q>Q>a*')
    end

    # The code that it was made of. Raises LoadError.
    def unpack(bytes)
      magic, build, sum, code = bytes.unpack('a4Q>Q>a*')
      refuse('this is no bytecode of rubeam:compile') if bytes.bytesize < HEAD || magic != MAGIC
      refuse('the bytecode was made by another build: compile it again') if build != BUILD
      refuse('the bytecode is damaged') if sum != checksum(code)
      RubyVM::InstructionSequence.load_from_binary(code)
    end

    def checksum(bytes)
      one = two = bytes.bytesize % MODULUS
      "#{bytes}\0\0\0".b.unpack('N*').each do |word|
        one = (one * 1_103_515_245 + word) % MODULUS
        two = (two * 48_271 + word) % MODULUS
      end
      (one << 32) | two
    end

    def refuse(why)
      Kernel.raise LoadError, why
    end

    BUILD = checksum(RUBY_DESCRIPTION.b)
  end
end
