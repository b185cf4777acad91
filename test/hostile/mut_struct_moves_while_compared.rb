#=> ok [false, false, 40]
# == of a field gives both structs other fields, elsewhere.
Many = Struct.new(*(0...40).map { |i| "field#{i}".to_sym })
class Moving
  def move(*)
    [$one, $two].each do |struct|
      struct.send(:initialize_copy, Many.new(*Array.new(40) { |i| "#{i}" * 50 + struct.object_id.to_s }))
    end
    GC.start
    Array.new(300) { "something else" * 10 }
    true
  end
  alias == move
  alias eql? move
end
def fresh = Many.new(Moving.new, *Array.new(39) { |i| "field" * 10 })
$one, $two = fresh, fresh
equal = $one == $two
$one, $two = fresh, fresh
[equal, $one.eql?($two), $one.to_a.size]
