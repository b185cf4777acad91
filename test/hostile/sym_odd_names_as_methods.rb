#=> ok 4
class Foo
  ["\0", '', "\xff", ' '].each_with_index { |name, n| define_method(name) { n } }
end
["\0", '', "\xff", ' '].map { |name| Foo.new.send(name) }.size
