# sub, gsub, scan, split and friends with regular expressions.
def camelize(text) = text.split(/[_\s-]+/).map(&:capitalize).join
def underscore(text) = text.gsub(/([A-Z]+)([A-Z][a-z])/, '\1_\2').gsub(/([a-z\d])([A-Z])/, '\1_\2').downcase
def commas(number) = number.to_s.reverse.gsub(/(\d{3})(?=\d)/, '\1,').reverse
def squish(text) = text.strip.gsub(/\s+/, " ")
def slug(text) = text.downcase.gsub(/[^a-z0-9]+/, "-").gsub(/\A-|-\z/, "")
def template(text, values) = text.gsub(/\{\{\s*(\w+)\s*\}\}/) { values.fetch($1.to_sym, "?").to_s }

puts camelize("snake_case and-dash"), underscore("HTMLParserClass2Go"), commas(1_234_567_890), squish("  a \n b\t\tc "), slug("Hello, World! It's me.")
puts template("Dear {{name}}, you owe {{ sum }} since {{when}}.", name: "Ann", sum: 12.5)
puts "2024-02-29".sub(/(\d+)-(\d+)-(\d+)/, '\3.\2.\1'), "John Smith".sub(/(?<first>\w+) (?<last>\w+)/, '\k<last>, \k<first>')
p "a1b22c333".scan(/[a-z]\d+/), "a1b22".scan(/([a-z])(\d+)/), "one, two;three  four".split(/[,;\s]\s*/), "a1b2".split(/(\d)/), "abc".split(//)
p "hello world".gsub(/o/, "o" => "0"), "hello".gsub(/l/) { |m| m.upcase }, "hello".gsub(/[el]/, "e" => "3", "l" => "1"), "path/to/file".tr("/", "\\").gsub("\\") { "::" }
p "foo.bar(baz)".index(/[.(]/), "foobar".rindex(/o/), "key: value"[/:\s*(.+)/, 1], "abc" !~ /d/, "test123abc".slice(/\d+/), "x".match(/y/).nil?
p "The Cat" =~ /cat/i, "a\nb".match?(/a.b/m), "ünïcode wörds".scan(/[[:alpha:]]+/), "aaa".gsub(/a{2}/, "b"), "price: $42.50"[/\$(\d+)\.(\d+)/, 2]
if (match = "2001:db8::1".match(/\A(?<head>\h+):(?<rest>.*)\z/))
  p match[:head], match[:rest], match.names, match.begin(0), match.captures, match.post_match
end
words = "the quick brown the lazy dog the end"
p words.gsub(/\bthe\b/).with_index { |m, i| "#{m}#{i}" }, words.partition(/brown|lazy/), words.rpartition(/the/), words.start_with?(/th[aeiou]/)
valid = /\A[\w.+-]+@[a-z\d-]+(\.[a-z\d-]+)+\z/i
%w[a@b.co bad@ @x.y first.last+tag@sub.example.org a@b].each { |mail| puts "#{mail.ljust(32)} #{valid.match?(mail)}" }
p Regexp.escape("a.b*c"), Regexp.union("a.b", /c|d/).source, /a(b)?/.match("a").to_a, /(\w)\1/.match("hello")[0], "ab12".gsub(/(?<l>[a-z])/) { $~[:l].upcase }
