#=> ok | error
class << String
  undef_method :new
  undef_method :allocate rescue 0
end
class << Array
  undef_method :new
end
['a' + 'b', [1].map { |x| x.to_s }, "#{1}"]
