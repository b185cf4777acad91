class A < Struct.new(:a, :b)
  include Comparable
  attr_accessor :c
  def initialize(a, b = 2, *c, d: 1, **e, &f) = super(a, b)
  def <=>(other) = a <=> other.a
  def method_missing(name, *args) = name == :x ? args : super
  class << self
    def inherited(c) = @c = c
  end
end
[A.new(1), A.new(2)].sort.map(&:a)
