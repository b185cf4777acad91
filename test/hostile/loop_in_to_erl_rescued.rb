#=> exit killed
#! timeout=30 grace=10
class Foo
  def to_erl
    loop {}
  rescue Exception
    retry
  end
end
Foo.new
