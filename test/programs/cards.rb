# Poker hands: ranking, comparing, drawing from a deck with a generator of its own; bowling scores.
class Card
  include Comparable

  RANKS = [*"2".."9", "T", "J", "Q", "K", "A"].freeze
  SUITS = { "♠" => :spades, "♥" => :hearts, "♦" => :diamonds, "♣" => :clubs }.freeze
  LETTERS = { "S" => "♠", "H" => "♥", "D" => "♦", "C" => "♣" }.freeze

  attr_reader :rank, :suit

  def self.parse(text) = new(text[0], LETTERS.fetch(text[1]) { raise ArgumentError, "no suit: #{text[1].inspect}" })
  def self.deck = RANKS.product(SUITS.keys).map { |rank, suit| new(rank, suit) }

  def initialize(rank, suit)
    @value = RANKS.index(rank) or raise ArgumentError, "no rank: #{rank.inspect}"
    @rank = rank
    @suit = suit
  end

  def value = @value + 2
  def <=>(other) = value <=> other.value
  def to_s = rank + suit
  def inspect = "<#{self}>"
  def hash = [rank, suit].hash
  def eql?(other) = other.is_a?(Card) && to_s == other.to_s
end

class Hand
  include Comparable

  NAMES = ["high card", "pair", "two pairs", "three of a kind", "straight", "flush", "full house", "four of a kind",
           "straight flush"].freeze

  attr_reader :cards

  def initialize(cards)
    cards = cards.split.map { |text| Card.parse(text) } if cards.is_a?(String)
    raise ArgumentError, "#{cards.size} cards" unless cards.size == 5
    raise ArgumentError, "a card twice" if cards.uniq.size < 5

    @cards = cards.sort.reverse
  end

  def name = NAMES[score.first]
  def <=>(other) = score <=> other.score
  def to_s = "#{cards.join(' ')}: #{name}"

  def score
    @score ||= begin
      groups = cards.group_by(&:value).sort_by { |value, list| [-list.size, -value] }
      sizes = groups.map { |_, list| list.size }
      values = groups.flat_map { |value, list| [value] * list.size }
      values = [5, 4, 3, 2, 1] if values == [14, 5, 4, 3, 2]
      straight = values.each_cons(2).all? { |a, b| a == b + 1 }
      flush = cards.map(&:suit).uniq.one?
      kind = case
             when straight && flush then 8
             when sizes == [4, 1] then 7
             when sizes == [3, 2] then 6
             when flush then 5
             when straight then 4
             when sizes.first == 3 then 3
             when sizes == [2, 2, 1] then 2
             when sizes.first == 2 then 1
             else 0
             end
      [kind, *values]
    end
  end
end

hands = ["2H 3D 5S 9C KD", "2C 3H 4S 8C AH", "2H 2D 3C 4C 5C", "4H 4D 9S 9C KD", "TH TD TS 9C 2D", "AH 2D 3S 4C 5D",
         "TH JD QS KC AD", "2H 9H 5H KH JH", "8H 8D 8S 2C 2D", "7H 7D 7S 7C 2D", "5S 6S 7S 8S 9S"].map { |t| Hand.new(t) }
hands.sort.reverse.each { |hand| puts hand }
p hands.max.name, hands.minmax.map(&:name), hands[5] < hands[6], hands[0].between?(*hands.minmax), Hand.new("2H 3D 5S 9C KD") == Hand.new("2S 3C 5H 9D KC")
["2H 2H 3C 4C 5C", "2H", "1H 2D 3C 4C 5C", "2X 2D 3C 4C 5C"].each do |bad|
  Hand.new(bad)
rescue ArgumentError => e
  puts e.message
end

# A generator of its own: that of Ruby differs from one Ruby to the next.
class Lcg
  def initialize(seed) = @state = seed

  def rand(limit)
    @state = (@state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) & (2**64 - 1)
    (@state >> 33) % limit
  end

  def shuffle(list) = list.dup.tap { |l| (l.size - 1).downto(1) { |i| j = rand(i + 1); l[i], l[j] = l[j], l[i] } }
end
lcg = Lcg.new(2024)
deck = lcg.shuffle(Card.deck)
puts deck.size, deck.uniq.size, deck.first(10).join(" ")
players = %w[Ann Bob Cid].to_h { |name| [name, Hand.new(deck.shift(5))] }
players.each { |name, hand| puts "#{name.ljust(4)} #{hand}" }
puts "#{players.max_by { |_, hand| hand }.first} wins"
p Array.new(300) { lcg.rand(6) + 1 }.tally.sort, Array.new(60) { Hand.new(lcg.shuffle(Card.deck).first(5)).name }.tally.sort_by { |n, c| [-c, n] }

def bowling(rolls)
  frames = []
  rolls = rolls.chars.each_with_index.map { |c, i| c == "X" ? 10 : c == "/" ? 10 - rolls[i - 1].to_i : c.to_i }
  at = 0
  10.times do
    strike = rolls[at] == 10
    frames << (strike || rolls[at, 2].sum == 10 ? rolls[at, 3].sum : rolls[at, 2].sum)
    at += strike ? 1 : 2
  end
  frames
end
["XXXXXXXXXXXX", "9-9-9-9-9-9-9-9-9-9-", "5/5/5/5/5/5/5/5/5/5/5", "X7/9-X-88/-6XXX81"].each { |game| puts "#{game.ljust(22)} #{bowling(game).sum} #{bowling(game).inspect}" }
