#=> ok [[<<"Array">>,2],[<<"Array">>,2]]
# The array that is found is in no array any more, and collected, before it is returned.
class Dropping
  def ==(other)
    $list.replace([])
    GC.start
    Array.new(100) { "something else" * 10 }
    true
  end
end
def of_last(place)
  $list = [Array.new(8192) { [0, 0] }.last] # on a page of its own
  GC.start
  $list[0][place] = Dropping.new
end
found = []
of_last(0)
found << $list.assoc(0)
of_last(1)
found << $list.rassoc(0)
found.map { |array| [array.class.to_s, array.size] }
