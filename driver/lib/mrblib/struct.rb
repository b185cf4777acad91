class Struct
  class << self
    alias __new new

    def new(*names, keyword_init: nil, &block)
      made = __new(*names)
      if keyword_init
        made.define_singleton_method(:keyword_init?) { true }
        made.include(Keywords)
      end
      made.class_eval(&block) if block
      made
    end
  end

  # The members by name, for those made with keyword_init: true.
  module Keywords
    def initialize(*values)
      named = values[0].is_a?(Hash) ? values.shift : {}
      raise ArgumentError, "wrong number of arguments (given #{values.size}, expected 0)" unless values.empty?
      unknown = named.keys - members
      raise ArgumentError, "unknown keywords: #{unknown.join(', ')}" unless unknown.empty?
      super(*members.map { |name| named[name] })
    end
  end

  def each(&block)
    return to_enum(:each) unless block
    members.each { |name| block.call(self[name]) }
    self
  end

  def each_pair(&block)
    return to_enum(:each_pair) unless block
    members.each { |name| block.call([name, self[name]]) }
    self
  end

  def deconstruct = to_a
end
