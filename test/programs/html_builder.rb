# An HTML builder with method_missing, and other metaprogramming: proxies, hooks, dynamic methods.
class HtmlBuilder < BasicObject
  VOID = %i[br hr img].freeze

  def self.build(&block)
    builder = new
    builder.instance_eval(&block)
    builder.__result__
  end

  def initialize
    @out = []
    @depth = 0
  end

  def __result__ = @out.join("\n")
  def text(value) = @out << ("  " * @depth + escape(value))

  def respond_to_missing?(*) = true

  def method_missing(tag, content = nil, **attributes, &block)
    open = "<#{tag}#{attributes.map { |k, v| v == true ? " #{k}" : %( #{k}="#{escape(v)}") }.join}>"
    pad = "  " * @depth
    if VOID.include?(tag)
      @out << pad + open
    elsif block
      @out << pad + open
      @depth += 1
      instance_eval(&block)
      @depth -= 1
      @out << "#{pad}</#{tag}>"
    else
      @out << "#{pad}#{open}#{escape(content)}</#{tag}>"
    end
    nil
  end

  private

  def escape(value) = value.to_s.gsub("&", "&amp;").gsub("<", "&lt;").gsub('"', "&quot;")
end

puts(HtmlBuilder.build do
  html lang: "en" do
    head { title "A & B" }
    body class: "main", hidden: true do
      h1 "Items < 3", id: "top"
      ul do
        %w[one two].each_with_index { |name, i| li "#{i + 1}. #{name}", class: (i.zero? ? "first" : "other") }
      end
      hr
      text %(say "hi")
      a "link", href: "/?x=1&y=2"
    end
  end
end)

class Recorder
  def initialize(target)
    @target = target
    @calls = []
  end

  attr_reader :calls

  def method_missing(name, *args, &block)
    return super unless @target.respond_to?(name)

    result = @target.public_send(name, *args, &block)
    @calls << [name, args, block ? :block : nil].compact
    result
  end

  def respond_to_missing?(name, include_all = false) = @target.respond_to?(name, include_all) || super
end
list = Recorder.new([3, 1, 2])
p list.sort, list.map { |x| x * 2 }, list.push(4).size, list.first(2), list.calls, list.respond_to?(:each_slice), list.respond_to?(:nope)
begin
  list.nope(1)
rescue NoMethodError => e
  puts "#{e.class} #{e.name.inspect}"
end

class Config
  def self.setting(name, default: nil, &check)
    settings[name] = default
    define_method(name) { @values.fetch(name) { self.class.settings[name] } }
    define_method("#{name}=") do |value|
      raise ArgumentError, "bad #{name}: #{value.inspect}" if check && !check.call(value)

      @values[name] = value
    end
  end

  def self.settings = (@settings ||= superclass.respond_to?(:settings) ? superclass.settings.dup : {})
  def self.inherited(child)
    (@children ||= []) << child.name.to_s
    super
  end
  def self.children = @children || []

  setting :host, default: "localhost"
  setting(:port, default: 80) { |v| v.is_a?(Integer) && v.between?(1, 65_535) }

  def initialize(**values)
    @values = {}
    values.each { |name, value| public_send(:"#{name}=", value) }
  end

  def to_h = self.class.settings.keys.to_h { |name| [name, send(name)] }
  def [](name) = send(name)
end

class SecureConfig < Config
  setting :cert, default: "none"
end
p Config.new.to_h, SecureConfig.new(port: 443, cert: "x.pem").to_h, Config.settings.keys, SecureConfig.new[:port]
begin
  Config.new(port: 0)
rescue ArgumentError => e
  puts e.message
end
p (Config.instance_methods(false) - [:initialize]).sort, Config.method_defined?(:host), SecureConfig.instance_methods(false).sort
p Config.new.instance_variables, Config.new(host: "h").instance_variable_get(:@values), Config.children

module Loud
  def self.prepended(base) = puts("#{self} before #{base}")
  def speak = super.upcase + "!"
end
class Animal
  def speak = "hello"
  prepend Loud
end
p Animal.new.speak, Animal.ancestors.first(2), Animal.instance_method(:speak).owner
object = Object.new
class << object
  def shout(text) = text.upcase
  attr_accessor :mood
end
object.mood = :fine
p object.shout("a"), object.mood, object.singleton_methods.sort, object.method(:shout).arity, object.frozen?
object.instance_variable_set(:@x, 1)
p object.instance_variables.sort, object.instance_variable_defined?(:@y), Object.const_get(:Animal).new.speak
Animal.class_eval { define_method(:walk) { |steps = 1, *rest| "#{steps} step#{'s' unless steps == 1}#{rest}" } }
p Animal.new.walk, Animal.new.walk(3, 4), Animal.new.method(:walk).unbind.bind(Animal.new).call(2)
