#=> ok [true,true] | error class=SystemStackError | error class=Erlang::TermError
# To Erlang, from deep inside of C.
class Foo
  def to_erl = (Hash.new { |h, key| key > 400 ? send_response([1]) : h[key + 1] })[0]
end
[Foo.new, Foo.new]
