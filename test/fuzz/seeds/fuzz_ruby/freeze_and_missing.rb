module M
  def self.const_missing(n) = n
  refine = X
  A = [:a].freeze
  undef_method :to_s rescue 0
end
alias q puts
class Object; def respond_to_missing?(*) = true; end
q M::Y, defined?(@a), __method__, self&.nothing rescue $!.class
