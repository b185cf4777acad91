#=> ok 1
class Liar
  def to_s = 5
  def inspect = nil
  def to_str = self
  def =~(other) = raise('no')
  def ===(other) = raise('no')
  def hash = nil
end
liar = Liar.new
[-> { 'a'.gsub(/a/) { liar } }, -> { 'a'.gsub(/a/, liar) }, -> { 'a'.gsub(/a/, 'a' => liar) }, -> { 'a'.sub(liar, 'b') }, -> { 'a' =~ liar },
 -> { 'a'.match(liar) }, -> { Regexp.new(liar) }, -> { Regexp.union(liar, 'a') }, -> { Regexp.escape(liar) }, -> { /a/.match('a')[liar] },
 -> { /a/.match('a').begin(liar) }, -> { /a/.match('a').values_at(liar, 2**80) }, -> { 'abc'[/b/, liar] }, -> { 'abc'[/b/] = liar }, -> { /\#{liar}/ },
 -> { /a/ == liar }, -> { /a/.match('a') == liar }, -> { 'a'.split(/b/, liar) }, -> { 'a'.index(/a/, 2**80) }, -> { 'a'.index(/a/, -2**62) },
 -> { /a/.match('a', 2**62) }, -> { /a/.match('a', -2**62) }, -> { /a/.match('a')[2**62] }, -> { /a/.match('a')[-2**62] }, -> { 'a'.split(/b/, -2**62) },
 -> { Regexp.last_match(2**62) }, -> { Regexp.new('a', 2**62) }, -> { 'a'.start_with?(liar, /a/) }, -> { 'a'.partition(liar) }, -> { $~ = liar },
 -> { /a/.match('a').deconstruct_keys([liar]) }, -> { 'a'.gsub(/a/, '\k<') }, -> { 'a'.gsub(/a/, '\k<>') }, -> { 'a'.gsub(/a/, "\\k<\0>") }].each do |f|
  begin
    f.call
  rescue StandardError, NoMemoryError
  end
end
1
