# Conversions with `exception: false` and with CRuby's messages, and what programs say at their beginning.
module Kernel
  alias __integer Integer
  alias __float Float
  alias __to_rational Rational
  alias public_send send

  def Integer(value, base = nil, exception: true)
    # mruby refuses a text of so many digits.
    if base.nil? && value.is_a?(String) && value.size > 18 && value.to_i.to_s == value.strip.delete("_+")
      return value.to_i
    end
    base ? __integer(value, base) : __integer(value)
  rescue ArgumentError, TypeError, RangeError => error
    return nil unless exception
    raise error unless value.is_a?(String) && error.message.start_with?("invalid string")
    raise ArgumentError, "invalid value for Integer(): #{value.inspect}"
  end

  def Float(value, exception: true)
    __float(value)
  rescue ArgumentError, TypeError => error
    return nil unless exception
    raise error unless value.is_a?(String)
    raise ArgumentError, "invalid value for Float(): #{value.inspect}"
  end

  def Rational(numerator, denominator = 1, exception: true)
    numerator = numerator.__rational(true) if numerator.is_a?(String)
    denominator = denominator.__rational(true) if denominator.is_a?(String)
    return __to_rational(numerator, denominator) if numerator.is_a?(Integer) && denominator.is_a?(Integer)
    denominator == 1 ? numerator.to_r : numerator.to_r / denominator.to_r
  rescue ArgumentError, TypeError, NoMethodError => error
    return nil unless exception
    raise error unless error.is_a?(NoMethodError)
    raise TypeError, "can't convert #{numerator.inspect} into Rational"
  end

  def display
    print self
    nil
  end
end

# mruby knows no private names; a program that declares some runs as well.
class Module
  alias public_instance_methods instance_methods
  alias public_instance_method instance_method
  alias public_method_defined? method_defined?

  alias __module_function module_function

  # Without names it is for all that are defined from here on.
  def module_function(*names)
    return __module_function(*names) unless names.empty?
    define_singleton_method(:method_added) { |name| __module_function(name) }
    nil
  end

  def private_class_method(*) = nil
  def public_class_method(*) = nil
  def private_constant(*) = nil
end


module Comparable
  alias __clamp clamp

  def clamp(low, high = (range = low; nil))
    return __clamp(low, high) unless range
    raise TypeError, "wrong argument type #{range.class} (expected Range)" unless range.is_a?(Range)
    low = range.begin
    high = range.end
    raise ArgumentError, "cannot clamp with an exclusive range" if high && range.exclude_end?
    raise ArgumentError, "min argument must be smaller than max argument" if low && high && low > high
    return low if low && self < low
    high && self > high ? high : self
  end
end
