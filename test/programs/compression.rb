# Huffman, LZW, run lengths, Base64, checksums, ciphers: bytes in and bytes out.
class Huffman
  Node = Struct.new(:weight, :char, :left, :right) do
    def leaf? = !char.nil?
  end

  attr_reader :codes

  def initialize(text)
    nodes = text.each_char.tally.sort.map { |char, count| Node.new(count, char) }
    until nodes.one?
      nodes = nodes.each_with_index.sort_by { |node, i| [node.weight, i] }.map(&:first)
      a, b = nodes.shift(2)
      nodes << Node.new(a.weight + b.weight, nil, a, b)
    end
    @root = nodes.first
    @codes = {}
    walk(@root, "")
  end

  def encode(text) = text.each_char.map { |char| @codes.fetch(char) }.join

  def decode(bits)
    node = @root
    bits.each_char.with_object(+"") do |bit, text|
      node = bit == "0" ? node.left : node.right
      next unless node.leaf?

      text << node.char
      node = @root
    end
  end

  private

  def walk(node, code)
    return @codes[node.char] = code if node.leaf?

    walk(node.left, code + "0")
    walk(node.right, "#{code}1")
  end
end

TEXT = "she sells sea shells by the sea shore"
huffman = Huffman.new(TEXT)
bits = huffman.encode(TEXT)
huffman.codes.sort_by { |char, code| [code.size, char] }.each { |char, code| puts "#{char.inspect} #{code}" }
puts bits.size, TEXT.bytesize * 8, huffman.decode(bits) == TEXT
puts bits.chars.each_slice(8).map { |slice| slice.join.ljust(8, "0").to_i(2).to_s(16).rjust(2, "0") }.join

module Lzw
  module_function

  def pack(text)
    table = (0..255).to_h { |n| [n.chr, n] }
    word = ""
    codes = text.each_char.with_object([]) do |char, out|
      if table.key?(word + char)
        word += char
      else
        out << table[word]
        table[word + char] = table.size
        word = char
      end
    end
    word.empty? ? codes : codes << table[word]
  end

  def unpack(codes)
    table = (0..255).to_h { |n| [n, n.chr] }
    before = nil
    codes.map do |code|
      text = table[code] || before + before[0]
      table[table.size] = before + text[0] if before
      before = text
    end.join
  end
end
codes = Lzw.pack("TOBEORNOTTOBEORTOBEORNOT")
p codes, Lzw.unpack(codes), Lzw.unpack(Lzw.pack("aaaaaaa"))

def run_lengths(text) = text.each_char.chunk_while { |a, b| a == b }.map { |run| "#{run.size if run.size > 1}#{run[0]}" }.join
def expand(text)
  count = ""
  text.each_char.with_object(+"") do |char, out|
    next count += char if "0123456789".include?(char)

    out << char * (count.empty? ? 1 : count.to_i)
    count = ""
  end
end
packed = run_lengths("WWWWWWWWWWWWBWWWWWWWWWWWWBBBWWWB")
puts packed, expand(packed)

ALPHABET = [*"A".."Z", *"a".."z", *"0".."9", "+", "/"].freeze
def base64(text)
  text.bytes.each_slice(3).map do |a, b, c|
    number = (a << 16) | ((b || 0) << 8) | (c || 0)
    chars = [18, 12, 6, 0].map { |shift| ALPHABET[(number >> shift) & 63] }
    chars[3] = "=" unless c
    chars[2] = "=" unless b
    chars.join
  end.join
end
%w[Man Ma M light].each { |text| puts "#{text} #{base64(text)} #{base64(text) == [text].pack('m0')} #{base64(text).unpack1('m')}" }

def crc32(text)
  table = (0..255).map { |n| 8.times.inject(n) { |c, _| c.odd? ? 0xEDB88320 ^ (c >> 1) : c >> 1 } }
  text.each_byte.inject(0xFFFFFFFF) { |crc, byte| table[(crc ^ byte) & 0xFF] ^ (crc >> 8) } ^ 0xFFFFFFFF
end
def adler32(text) = text.bytes.inject([1, 0]) { |(a, b), byte| [(a + byte) % 65_521, (a + b + byte) % 65_521] }.then { |a, b| b << 16 | a }
printf("%08x %08x %d\n", crc32("The quick brown fox"), adler32("Wikipedia"), "abc".sum)

caesar = ->(text, n) { text.tr("A-Za-z", [*"A".."Z"].rotate(n).join + [*"a".."z"].rotate(n).join) }
puts caesar["Hello, World!", 13], caesar[caesar["Hello, World!", 13], 13], "Hello".tr("a-y", "b-z"), "hello".tr("^l", "-")
def vigenere(text, key, sign = 1) = text.each_char.with_index.map { |c, i| ((c.ord - 65 + sign * (key[i % key.size].ord - 65)) % 26 + 65).chr }.join
puts vigenere("ATTACKATDAWN", "LEMON"), vigenere("LXFOPVEFRNHR", "LEMON", -1)
p [1, 2, 300].pack("C2n"), [65, 66].pack("U*"), [1.5].pack("g").unpack("g"), "abc".unpack("C*"), ["616263"].pack("H*"), [1, 2].pack("s>l<").bytes
p "héllo".bytes.size, "héllo".size, "héllo".reverse, "héllo".unpack("U*"), "\u00e9" == "é", "日本語".chars, "日本語".byteslice(0, 3)
