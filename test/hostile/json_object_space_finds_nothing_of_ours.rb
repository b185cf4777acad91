#=> ok
class Looks
  def to_json(*)
    ObjectSpace.each_object(Array) { |a| a.clear unless a.frozen? }
    ObjectSpace.each_object(String) { |s| s << 'x' * 100 unless s.frozen? }
    '0'
  end
end
JSON.generate([1, { a: [Looks.new, 2] }, 'x' * 1000]).size
