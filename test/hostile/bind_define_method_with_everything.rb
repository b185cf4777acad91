#=> ok
class Foo; end
[proc { 1 }, -> { 2 }, ->(a, b) { 3 }, method(:puts), Array.instance_method(:push), String.instance_method(:size), :upcase.to_proc, nil, 5, 'x', Object.new].map do |body|
  begin
    Foo.define_method(:made, body)
    Foo.new.made
  rescue Exception
  end
  begin
    Object.define_method(:made, &body)
    5.made(1, 2)
  rescue Exception
  end
end.size
