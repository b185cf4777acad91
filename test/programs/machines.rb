# Two small machines: Brainf**k, and an assembler with a stack machine that runs what it makes.
def brain(program, input = "")
  jumps = {}
  stack = []
  program.each_char.with_index do |char, i|
    stack.push(i) if char == "["
    next unless char == "]"

    open = stack.pop or raise SyntaxError, "] without [ at #{i}"
    jumps[open] = i
    jumps[i] = open
  end
  raise SyntaxError, "[ without ] at #{stack.last}" unless stack.empty?

  cells = Hash.new(0)
  at = pc = 0
  out = +""
  reader = input.each_char
  while pc < program.size
    case program[pc]
    when ">" then at += 1
    when "<" then at -= 1
    when "+" then cells[at] = (cells[at] + 1) & 255
    when "-" then cells[at] = (cells[at] - 1) & 255
    when "." then out << cells[at].chr
    when ","
      cells[at] = begin
        reader.next.ord
      rescue StopIteration
        0
      end
    when "[" then pc = jumps[pc] if cells[at].zero?
    when "]" then pc = jumps[pc] unless cells[at].zero?
    end
    pc += 1
  end
  out
end
puts brain("++++++++[>++++[>++>+++>+++>+<<<<-]>+>+>->>+[<]<-]>>.>---.+++++++..+++.>>.<-.<.+++.------.--------.>>+.>++.")
p brain(",[.,]", "echo"), brain(">,[>,]<[.<]", "reverse")
["+]", "[[-]"].each do |bad|
  brain(bad)
rescue SyntaxError => e
  puts e.message
end

class StackMachine
  class Halt < StandardError; end
  class Fault < RuntimeError
    def initialize(pc, message) = super("at #{pc}: #{message}")
  end

  OPERATIONS = {
    add: ->(a, b) { a + b }, sub: ->(a, b) { a - b }, mul: ->(a, b) { a * b }, div: ->(a, b) { a / b }, lt: ->(a, b) { a < b ? 1 : 0 }, eq: ->(a, b) { a == b ? 1 : 0 }
  }.freeze

  attr_reader :output

  def self.assemble(source)
    labels = {}
    code = []
    source.each_line do |line|
      text = line.split("#").first.to_s.strip
      next if text.empty?

      if text.end_with?(":")
        labels[text.chomp(":").to_sym] = code.size
      else
        name, argument = text.split(" ", 2)
        code << [name.to_sym, argument && (Integer(argument, exception: false) || argument.to_sym)]
      end
    end
    code.map { |name, argument| [name, %i[jump branch call].include?(name) ? labels.fetch(argument) : argument] }
  end

  def initialize(code, limit: 100_000)
    @code = code
    @limit = limit
    @stack = []
    @calls = []
    @variables = Hash.new(0)
    @output = []
    @pc = 0
  end

  def run
    @limit.times { step }
    raise Fault.new(@pc, "ran too long")
  rescue Halt
    self
  rescue ZeroDivisionError => e
    raise Fault.new(@pc - 1, e.message)
  end

  private

  def pop = @stack.pop || raise(Fault.new(@pc - 1, "stack is empty"))

  def step
    name, argument = @code.fetch(@pc) { raise Halt }
    @pc += 1
    case name
    when *OPERATIONS.keys
      b, a = pop, pop
      @stack << OPERATIONS[name][a, b]
    when :push then @stack << argument
    when :dup then @stack << pop.tap { |top| @stack << top }
    when :swap then @stack.concat([pop, pop])
    when :load then @stack << @variables[argument]
    when :store then @variables[argument] = pop
    when :jump then @pc = argument
    when :branch then @pc = argument unless pop.zero?
    when :call then (@calls << @pc) && @pc = argument
    when :ret then @pc = @calls.pop || raise(Halt)
    when :print then @output << pop
    when :halt then raise Halt
    else raise Fault.new(@pc - 1, "unknown operation #{name.inspect}")
    end
  end
end

factorial = StackMachine.assemble(<<~ASM)
  push 20
  call factorial
  print
  halt
  factorial:          # n -> n!
  dup
  push 2
  lt
  branch one
  dup
  push 1
  sub
  call factorial
  mul
  ret
  one:
  store ignored
  push 1
  ret
ASM
p factorial.first(3), StackMachine.new(factorial).run.output
fizz = StackMachine.assemble("push 0\nstore i\nloop:\nload i\npush 1\nadd\ndup\nstore i\nprint\nload i\npush 7\nlt\nbranch loop\n")
p StackMachine.new(fizz).run.output
["add", "push 1\npush 0\ndiv", "fly", "a:\njump a"].each do |source|
  StackMachine.new(StackMachine.assemble(source), limit: 50).run
rescue StackMachine::Fault => e
  puts "#{e.class}: #{e.message}"
end
begin
  StackMachine.assemble("jump nowhere")
rescue KeyError => e
  puts e.message
end
