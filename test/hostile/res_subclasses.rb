#=> ok
class MyString < String; end
class MyArray < Array; end
class MyHash < Hash; end
[MyString.new('x'), MyArray.new([1]), MyHash.new.tap { |h| h[1] = MyArray.new }]
