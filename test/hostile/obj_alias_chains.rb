#=> error class=SystemStackError | ok
class Foo
  def m0 = 1
  1000.times { |n| alias_method :"m#{n + 1}", :"m#{n}" }
  alias_method :to_s, :inspect
  alias_method :inspect, :to_s
  alias_method :method_missing, :m1000 rescue 0
end
Foo.new.m1000
[Foo.new.to_s, Foo.new.inspect].size
