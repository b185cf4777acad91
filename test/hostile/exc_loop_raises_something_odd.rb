#=> error | ok
class StopIteration
  def result = raise('x')
end
loop { raise StopIteration }
