#=> ok | error
class Class
  def superclass = self
end
[(Class.new(Class) rescue 1), (Class.allocate.new rescue 2), (Class.new(5) rescue 3), (Class.new(Class.allocate) rescue 4)].size
