# What Ruby's regular expressions do, as text, one line a case: run by a standard Ruby and by an
# interpreter of ours, of which regexp_SUITE compares the lines. `show` takes a name and a block.

$lines = []

# A standard Ruby gives texts of bytes another encoding.
def text(value)
  text = value.inspect
  text.respond_to?(:encoding) ? text.dup.force_encoding('UTF-8') : text
end

def show(name)
  value = begin
    text(yield)
  rescue RegexpError, IndexError => e
    "#{e.class}: #{e.message}"
  rescue StandardError => e
    e.class.to_s # mruby has its own words
  end
  $lines << "#{name} => #{value}"
end

# --- patterns and subjects ---

PATTERNS = [
  '', 'a', 'ab', 'a|b', '(a)(b)?', 'a*', 'a+?', 'a??', 'a{2}', 'a{1,2}', 'a{,2}', 'a{2,}', '(a|b)*c', '^', '$', '\A', '\z', '\Z',
  '\b', '\B', '\bo', '\w+', '\W', '\d+', '\D+', '\s+', '\S+', '\h+', '\H', '.', '.*', '.+?', '[abc]', '[^abc]',
  '[a-c]+', '[[:alpha:]]+', '[[:digit:]]', '[[:space:]]', '[[:punct:]]', '[[:word:]]+', '[[:^alpha:]]',
  '\p{Alpha}+', '\p{^Alpha}', '\P{Alpha}', '\p{Word}+', '\p{Han}', '\p{Greek}', '\p{L}', '\p{Digit}', '\p{Space}',
  '(?:a|b)+', '(?=b)', '(?!b).', '(?<=a)b', '(?<!a)b', '(?>a+)b', 'a++b', '(?i)A', '(?i:A)b', 'a(?i)B|C', '(?<x>a)(?<y>b)?',
  '(?<x>a)|(?<x>b)', '(?<x>.)\k<x>', '(.)\1', '(a)\1?', '\((?:[^()]|\g<0>)*\)', '(?<p>\((?:[^()]|\g<p>)*\))', '(a)(?:b|\1)',
  '\x41', '\101', '\u0061', '\u{61 62}', '\u{e4}', 'ä', 'Ä', '\xc3\xa4', '\t', '\n', '\R', '\X', 'a\Kb',
  'o$', '^b', '[&&a]', '[a-z&&[^b]]', '[\w&&[^a]]+', '[a\]]', '[\d-]', '[-a]', '\.', '\/', '\\\\', '(?#comment)a', ' a b ', 'ß', 'SS',
  '(?m:.)', '(?x: a b )', '(?-i:a)', '(?<n>\d+)-(?<m>\d+)', '(a(b(c)?)?)?', '(?:(a)|b)*', '(?:(a)|(b)|(c))+', 'x*y*z*', '(a*)*',
  '(a*)+', '(|a)+', '(?:a?)*?b', '(?<!\d)\d{2}(?!\d)', '\Aa.*z\z', '(a)?(?(1)b|c)', '[[:alnum:]_-]+@[a-z.]+', '\$\d+',
  '\cA', '\C-a', '\e', '\a', '\0', '[\b]', '\W\w', '\bä', '.\b', '\k<x>', '(?<x>a)\g<x>', '[a-\d]', '[[a-c][x-z]]+'
].freeze

BAD = [
  '(', ')', '[', '[]', ']', '*', '+', '?', 'a**', 'a{2}{3}', '{', '}', 'a{', 'a{1', 'a{1,', '(?', '(?<', '(?<>a)', '(?<x', '(?<1>a)', '\\',
  '[z-a]', '[[:foo:]]', '\p{Foo}', '\p{', '\k<y>', '\g<y>', '\1', '\2(a)', '(?z)a', '\u', '\u{', '\u{110000}', '\u12', '[a',
  '(?<=a|bc)d', '\u{}', '\u{d800}', '(?<x>a)(b)\2', '(?<x>a)\1'
].freeze

SUBJECTS = ['', 'a', 'b', 'ab', 'ba', 'aab', 'abc', "a\nb", "foo bar\n", 'aabbcc', 'äöü', 'Äa ß', 'x12-34y', '(a(b)c)', 'ABC', "ab\r\ncd", '日本 Ελλ',
            'a@b.c $12', "\\/.", "tab\there", "e\u0301a", 'cac', 'SSß', '٣3'].freeze

(PATTERNS + BAD).each do |source|
  [0, 1, 2, 4].each do |options|
    regexp = begin
      Regexp.new(source, options)
    rescue RegexpError, ArgumentError
      $lines << "new #{source} #{options} => error"
      next
    end
    $lines << "new #{source} #{options} => #{text(regexp)} #{regexp.to_s} #{regexp.options} #{regexp.names.inspect} #{regexp.named_captures.inspect}"
    SUBJECTS.each do |subject|
      what = begin
        m = regexp.match(subject)
        m ? "#{text(m)} #{m.begin(0)} #{m.end(0)} #{text([m.pre_match, m.post_match])}" : 'nil'
      rescue StandardError => e
        e.class.to_s
      end
      $lines << "#{text(regexp)} #{text(subject)} => #{what}"
      next unless options == 0
      show("#{source} #{subject.inspect} scan") { subject.scan(regexp) }
      show("#{source} #{subject.inspect} split") { [subject.split(regexp), subject.split(regexp, -1), subject.split(regexp, 2)] }
      show("#{source} #{subject.inspect} gsub") { [subject.gsub(regexp, '<\0>'), subject.sub(regexp, '[\1|\&|\\\\|\x]')] }
      show("#{source} #{subject.inspect} index") { [subject.index(regexp), subject.rindex(regexp), subject.index(regexp, 1), subject.rindex(regexp, 1), subject.rindex(regexp, -2)] }
      show("#{source} #{subject.inspect} partition") { [subject.partition(regexp), subject.rpartition(regexp), subject[regexp], subject[regexp, 1], subject.start_with?(regexp)] }
    end
  end
end

# --- methods ---

def all(name, *codes)
  codes.each { |code| show("#{name}: #{code}") { eval(code) } }
end

all('=~', '"abc" =~ /c/', '"abc" =~ /x/', '/b/ =~ "abc"', '/b/ =~ nil', 'nil =~ /b/', '"a" !~ /a/', '"a" !~ /b/', ':abc =~ /c/', '/b/ =~ :abc',
    '"a" =~ "a"', '/a/ =~ 5', '"é€x" =~ /x/', '/a/ === "a"', '/a/ === nil', '/a/ === 5', '/a/ === :a', '/x/ !~ nil')
all('match', '"abc".match(/b/)', '"abc".match("b")', '"abc".match(/b/, 2)', '"abc".match(/b/, -2)', '"abc".match(/b/, -9)', '"abc".match(/b/, 9)',
    '"abc".match(/c/, 3)', '"abc".match(/\z/, 3)', '"äbc".match(/c/, 2).begin(0)', '/b/.match("abc") { |m| m[0] * 2 }', '/x/.match("abc") { |m| 1 }',
    '/a/.match(nil)', '/a/.match(5)', '"abc".match?(/b/)', '"abc".match?("d")', '/b/.match?("abc", 2)', '/b/.match?(nil)', ':abc.match(/b/)', ':abc.match?(/b/)',
    '/a/.match', '"a".match', '/(.)(.)/.match("ab").captures', '"abc".match(nil)', '"abc".match?(/b/, -1)')
all('MatchData', 'm = /(?<x>a)(?<y>z)?/.match("bab"); [m[0], m[1], m[2], m[:x], m["y"], m[-1], m[3], m[0, 2], m[0..1], m[1..-1]]',
    '/a/.match("a")[:x]', '/(?<x>a)/.match("a")["z"]', 'm = /(.)(.)(\d+)(\d)/.match("THX1138: The"); [m.to_a, m.captures, m.size, m.length, m.values_at(0, 2, -2), m.pre_match, m.post_match, m.string, m.regexp, m.to_s]',
    'm = /(b)(x)?/.match("äbc"); [m.begin(0), m.end(0), m.offset(1), m.begin(2), m.offset(2)]', '/a/.match("a").begin(1)', '/(?<n>b)/.match("äb").begin(:n)', '/(?<n>b)/.match("äb").end("n")',
    '/(?<n>b)/.match("äb").offset(:n)', '/(?<n>b)/.match("b").begin(:z)', '/(?<a>.)(?<b>.)?/.match("x").named_captures', '/(?<a>.)|(?<a>..)/.match("x").named_captures', '/(?<a>.)(?<b>.)/.match("xy").names',
    '/a/.match("a") == /a/.match("a")', '/a/.match("a") == /a/.match("ba")', '/a/.match("a").eql?(1)', '/(.)/.match("a").inspect', '/(?<q>.)(?<r>x)?/.match("a").inspect',
    '/a/.match("a").string.frozen?',
    'MatchData.new', '/a/.match("a").hash == /a/.match("a").hash', '/x/.match("x").dup[0]', '/(.)(.)/.match("ab").values_at(1, 5)', '/./.match("a").names')
all('globals', '"abc" =~ /(b)(c)?/; [$~[0], $1, $2, $3, $&, $`, $\', $+]', '"abc" =~ /x/; [$~, $1, $&, $`, $\', $+]', '"ab".sub(/b/) { $&.upcase }', '"abab".gsub(/(a)(b)/) { $2 + $1 }', '$~ = nil; $1', '$~ = 5',
    '"ab" =~ /b/; m = $~; "x" =~ /y/; $~ = m; $&', 'Regexp.last_match', '"abc" =~ /(?<n>b)/; [Regexp.last_match(0), Regexp.last_match(:n), Regexp.last_match(1), Regexp.last_match(5)]', '"x".match?(/x/); "ab" =~ /b/; "q".match?(/q/); $&',
    '"abcdefghijkl" =~ /(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)/; [$10, $11, $12, $9]', '"aXbX".gsub("X") { $~.begin(0).to_s }', '"a.b".gsub(".") { $~.regexp.source }', '"foo".index(/o/); $~[0]', '"a-b".partition(/-/); $`',
    '"ab".scan(/./) { }; $&', '"ab".scan(/./); $&', '"ab".gsub(/./, "x"); $&', '"ab".gsub(/q/, "x"); $~', '"ab".gsub(/./) { "zz" =~ /z/; "x" }; $&', '"ab"[/b/]; $&', '"abc".sub("b", "x"); $&', '"abc".start_with?(/ab/); $&', 'case "q7"; when /(\d)/ then $1; end')
all('sub', '"hello".sub(/l/, "L")', '"hello".sub("l", "L")', '"hello".sub(/x/, "L")', '"hello".gsub(/l/, "L")', '"hello".gsub("l") { |x| x.upcase }', '"hello".gsub(/[el]/, "e" => "3", "l" => "1")', '"hello".gsub(/[eo]/, "e" => 3)', '"hello".gsub("l", "l" => "1")',
    '"hello".gsub(/(?<v>[eo])/, "{\\\\k<v>}")', '"hello".gsub(/(l)(l)/, "\\\\2-\\\\1-\\\\3-\\\\9")', '"ab".gsub(/b/, "[\\\\`|\\\\&|\\\\\'|\\\\\\\\]")', '"ab".gsub(/b/, "\\\\")', '"ab".gsub(/b/, "\\\\q\\\\0")', '"abc".gsub(/x*/, "-")', '"äöü".gsub(/x*/, "-")', '"äöü".gsub("", "-")', '"abc".gsub("", "-")', '"".gsub(/x*/, "-")', '"".gsub("", "-")',
    '"abc".gsub(/$/, "!")', '"a\nb".gsub(/^/, "> ")', '"hello".gsub(/l/).with_index.map { |m, i| m + i.to_s }', '"hello".sub(/l/)', '"hello".sub', '"hello".gsub', '"hello".sub(5, "x")', '"hello".sub(/l/, 5)', '"hello".gsub(nil, "x")', '"hello".gsub(/l/) { 5 }', '"hello".gsub(/l/) { nil }',
    's = "hello"; [s.sub!(/l/, "L"), s]', 's = "hello"; [s.sub!(/x/, "L"), s]', 's = "hello"; [s.gsub!(/l/, "L"), s]', 's = "hello"; [s.gsub!("z", "L"), s]', 's = "hello"; s.gsub!(/l/) { |m| m.upcase }; s', '"hello".freeze.sub!(/l/, "")', '"hello".freeze.gsub!(/l/, "")',
    '"a.b.c".gsub(".", "-")', '"a+b".sub("+", "\\\\0\\\\0")', '"path/to".gsub("/", "::")', '"x".gsub(/x/, "\\\\\\\\")', '"x".gsub("x", "\\\\\\\\\\\\\\\\")', '"aaa".sub("a") { "b" }', '"日本語".gsub(/本/, "x")', '"日本語".sub("語", "x")', '"aéa".gsub("é") { |x| x * 2 }', '"abc".gsub(/(?<x>b)/, "\\\\1\\\\k<x>")', '"abc".gsub(/b/, "\\\\k<x>")', '"abc".gsub(/(b)/, "\\\\k<x")', '"abc".gsub(/b/, "\\\\k")', '"aaa".gsub(/a/, "b").frozen?',
    '"hello world".gsub(/o (?=w)/, "0")', '"foo\nbar".gsub(/$/, ";")', '"aAbB".gsub(/[A-Z]/) { |c| "_" + c.downcase }', '"x-1".gsub(/[^a-z0-9]/i, "")', '"hello".gsub(/l/, "")', '"1,234,567".gsub(",", "").to_i', '"1234567".gsub(/(\d)(?=(\d{3})+$)/, "\\\\1,")', '"hello"=~/l{2}/')
all('scan', '"hello world".scan(/o/)', '"a1b22".scan(/([a-z])(\d+)/)', '"abc".scan("b")', '"abc".scan(/x/)', '"abc".scan(//)', '"äöü".scan(/./)', '"äöü".scan(//)', 'r = []; x = "a1b2".scan(/\w(\d)/) { |d| r << d }; [x, r]', 'r = []; "abc".scan(/./) { |c| r << [c, $~.begin(0)] }; r', '"abc".scan(5)', '"foo.bar".scan(".")', '"aaa".scan("")', '"a b".scan(/(?<w>\w)/)', '"aXbXc".scan(/X|$/)')
all('split', '"a,b,c".split(/,/)', '"a, b,c".split(/,\s*/)', '"abc".split(//)', '"äöü".split(//)', '"abc".split("")', '"a1b2c".split(/(\d)/)', '"a1b2c".split(/\d/, 2)', '"a,b,,".split(/,/)', '"a,b,,".split(/,/, -1)', '",a".split(/,/)', '"".split(/,/)', '"".split(/,/, -1)', '"abc".split(/b/, 1)', '" a  b ".split(/\s+/)', '" a  b ".split(" ")', '" a b ".split', '"a b".split(nil)', '"abc".split(/x*/)', '"abc".split(/x*/, 2)', '"a-b_c".split(/[-_]/)', '"aXbXc".split("X", 2)', '"abc".split(/(?=b)/)', '"abc".split(/(b)?/)', '"aBc".split(/b/i)', '"1-2".split(/(-)|x/)', 'r = []; "a,b".split(/,/) { |x| r << x }; r', '"abc".split(/$/)', '"a\nb\n".split(/\n/)', '"a\nb\n".split(/$/)', '"hi mom".split(%r{\s*})', '"mellow yellow".split("ello")', '"a,b".split(5)')
all('[]', '"hello"[/l+/]', '"hello"[/(h)(e)/, 2]', '"hello"[/(?<x>l)/, "x"]', '"hello"[/(?<x>l)/, :x]', '"hello"[/x/]', '"hello"[/l/, 1]', '"hello"[/l/, 5]', '"hello".slice(/l/)', '"hello"[/(?<x>l)/, "q"]', '"hello"["l"]', '"hello"[1]', '"hello"[1, 2]', '"hello"[1..2]', '"hello"[9]', ':hello[/l+/]', ':hello[1]', ':hello[1..2]',
    's = "hello"; s[/l+/] = "L"; s', 's = "hello"; s[/(h)(e)/, 2] = "E"; s', 's = "hello"; s[/(?<x>l)/, "x"] = "1"; s', '"hello"[/x/] = "y"', '"hello"[/l/, 2] = "y"', '"hello"[/(x)?l/, 1] = "y"', '"hello".freeze[/l/] = "x"', 's = "hello"; s["l"] = "L"; s', 's = "hello"; s[1] = "L"; s', 's = "hello"; s[1, 2] = "L"; s', 's = "hällo"; s[/l+/] = "ö"; s', 's = "hello"; s[/l/] = 5', 's = "abc"; (s[/b/] = "xx")',
    's = "hello"; [s.slice!(/l+/), s]', 's = "hello"; [s.slice!(/x/), s]', 's = "hello"; [s.slice!(/(h)(e)/, 1), s]', 's = "hello"; [s.slice!(1), s]', 's = "hello"; [s.slice!(1, 2), s]', 's = "hello"; [s.slice!(1..2), s]', 's = "hello"; [s.slice!("ll"), s]', 's = "hello"; [s.slice!("x"), s]', 's = "hello"; [s.slice!(9), s]', 's = "hello"; [s.slice!(-2), s]', 's = "hello"; [s.slice!(1...-1), s]', '"hello".freeze.slice!(/l/)', '"hello".slice!', 's = "äöü"; [s.slice!(/ö/), s]')
all('index', '"hello".index(/l/)', '"hello".index(/l/, 3)', '"hello".index(/l/, -2)', '"hello".index(/l/, 9)', '"hello".index(/l/, -9)', '"hello".index(/x/)', '"hello".index("l", 3)', '"äöü".index(/ü/)', '"äöü".index("ü")', '"hello".rindex(/l/)', '"hello".rindex(/l/, 2)', '"hello".rindex(/l/, -3)', '"hello".rindex(/l/, 99)', '"hello".rindex(/l/, -9)', '"hello".rindex("l")', '"äöüö".rindex(/ö/)', '"äöüö".rindex(/ö/, 2)', '"abc".rindex(//)', '"abc".index(//, 3)', '"aaa".rindex(/a+/)', '"hello".rindex(/l/, 0)')
all('partition', '"hello".partition(/l/)', '"hello".partition("l")', '"hello".partition(/x/)', '"hello".rpartition(/l/)', '"hello".rpartition("l")', '"hello".rpartition(/x/)', '"äöü".partition(/ö/)', '"äöü".rpartition("ö")', '"hello".partition(5)', '"hello".rpartition(nil)', '"hello".rpartition(/l+/)', '"a.b.c".rpartition(/\./)', '"".partition(/x/)', '"aXbX".partition("X")', '"äXö".rpartition(/X/)')
all('start_with?', '"hello".start_with?(/he/)', '"hello".start_with?(/el/)', '"hello".start_with?("he")', '"hello".start_with?("x", /h/)', '"hello".start_with?', '"hello".start_with?(/x/, "hello")', '"".start_with?(//)')
all('Regexp', 'Regexp.new("a")', 'Regexp.new("a", true)', 'Regexp.new("a", Regexp::IGNORECASE | Regexp::MULTILINE)', 'Regexp.new(/a/i)', 'Regexp.new("a", nil)', 'Regexp.new("(")', 'Regexp.new("[")', 'Regexp.new("*")', 'Regexp.new(5)', 'Regexp.new', 'Regexp.new("a/b")', 'Regexp.new("a/b").to_s', 'Regexp.new("a\\\\/b").inspect', 'Regexp.new("a\nb").inspect',
    'Regexp.escape("a.b*c [x] \n\t\r\f\v-#")', 'Regexp.quote("ä+")', 'Regexp.escape(:"a.b")', 'Regexp.escape(5)', 'Regexp.union', 'Regexp.union("a.b")', 'Regexp.union(/a/i)', 'Regexp.union("a", /b/i, "c.d")', 'Regexp.union(["x", /y/m])', 'Regexp.union(5)', 'Regexp.union([])',
    '/a/ == /a/', '/a/ == /a/i', '/a/.eql?(/a/)', '/a/ == "a"', '/a/.hash == /a/.hash', '{ /a/ => 1 }[/a/]', '/a/i.options', '/a/mix.options', '/ä/.options', '/a/.source', '/a\/b/.source', '%r{a/b}.source', '/a/i.casefold?', '/a/.casefold?', '/(?<a>.)(?<b>.)(?<a>.)/.names', '/(?<a>.)(?<b>.)(?<a>.)/.named_captures', '/a/.names',
    '/a/.to_s', '/a/mix.to_s', '/(?i:a)/.to_s', '/(?i-mx:a)/.to_s', '/(?i:a)(?m:b)/.to_s', '/#{/a/i}b/', '/#{"."}/', 'x = "b"; /a#{x}c/i =~ "xABC"', '/a/.frozen?', 'Regexp.new("a").frozen?', '/a/.dup == /a/', '/a b # c/x =~ "ab"', '%r{[a-z]+}.match("1abc")[0]', '/a/o =~ "a"', '/\//', '/[\/]/ =~ "/"', 'Regexp::IGNORECASE', 'Regexp::EXTENDED', 'Regexp::MULTILINE', 'RegexpError.ancestors.include?(StandardError)', 'Regexp.compile("a")', '/(?<x>a)/ =~ "a"; $~[:x]',
    'Regexp.allocate.source', 'Regexp.allocate =~ "a"', '/a/.send(:initialize, "b")', 'Regexp.new("a").send(:initialize, "b")', 'Class.new(Regexp).new("a") =~ "ba"', '/\A[[:space:]]*\z/ === " \u3000"', '/é/i =~ "É"', '/ß/i =~ "ss"', '/\w/ =~ "é"', '/[[:alpha:]]/ =~ "é"', '/\bé\b/ =~ "é"', '/é\b/ =~ "éa"')
all('others', '"aBä"[/\p{Upper}/]', '"aBÄ".scan(/[[:upper:]]/)', '"xäö"[/[äö]+/]', '"xäö"[/[ä-ü]+/]', '"ab" =~ /\Ga/', '%w[ab cd].grep(/b/)', '%w[a1 b2].grep(/(\d)/) { $1 }', '[:a, :b].grep(/a/)', '"abc".tr("a", "b")', '"abc".include?("b")', '%w[a b].map { |x| x =~ /b/ }', '"ab".each_char.select { |c| c =~ /b/ }', '"x=1;y=2".split(";").map { |s| s.match(/(\w)=(\d)/).captures }', '[1, "a"].select { |x| /a/ === x }')
all('invalid', '"\xff" =~ /a/', '"a\xff".scan(/a/)', '"\xff".sub(/a/, "b")', '"\xff".match?(/./)', '/a/ === "\xff"')
all('frozen', '"abc".freeze =~ /b/', '"abc".freeze.gsub(/b/, "x")')

$lines.join("\n")
