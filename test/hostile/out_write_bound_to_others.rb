#=> ok
[IO.instance_method(:write), IO.instance_method(:puts), IO.instance_method(:print)].map do |m|
  [5, nil, :a, 1.5, 2**100, 's', [], Object.new, Class, BasicObject].map do |x|
    [-> { m.bind(x).call('text') }, -> { Object.define_method(:wr, m); x.wr('text') }].each { |f| begin; f.call; rescue Exception; end }
  end
end.size
