#=> ok
class Integer
  def to_erl = raise('not asked')
end
class String
  def to_erl = raise('not asked')
end
class Array
  def to_erl = raise('not asked')
end
class Range
  def to_erl = to_a
end
class Proc
  def to_erl = call
end
class Class
  def to_erl = to_s
end
[1, 'a', [2], (1..3), proc { 5 }, String]
