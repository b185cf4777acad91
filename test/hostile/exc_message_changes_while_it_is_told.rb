#=> error class=Foo
class Foo < StandardError
  def message
    $text = 'x' * 1000
    ObjectSpace.each_object(String) { |s| s.replace('') if s.size == 1000 && !s.frozen? }
    GC.start
    $text
  end
end
raise Foo
