#=> exit killed
#! timeout=30 grace=10
class Foo < StandardError
  def message
    loop {}
  rescue Exception
    retry
  end
end
raise Foo
