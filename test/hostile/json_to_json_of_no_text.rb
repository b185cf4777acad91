#=> ok
class NoText
  def initialize(what) = @what = what
  def to_json(*) = @what
  def to_s = @what
end
[nil, 5, :a, [], {}, Object.new].map do |what|
  [JSON.generate(NoText.new(what)), JSON.generate({ NoText.new(what) => 1 })]
rescue TypeError
  'TypeError'
end
