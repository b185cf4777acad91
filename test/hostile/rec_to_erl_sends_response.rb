#=> error
class Foo
  def to_erl
    send_response(Foo.new)
    1
  end
end
send_response(Foo.new)
