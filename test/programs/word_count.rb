# Counts words of a text and wraps it into lines.
TEXT = <<~TEXT
  It was the best of times, it was the worst of times, it was the age of
  wisdom, it was the age of foolishness, it was the epoch of belief, it was
  the epoch of incredulity, it was the season of Light, it was the season of
  Darkness, it was the spring of hope, it was the winter of despair.
TEXT

def words(text)
  text.downcase.tr("^a-z'", " ").split
end

def wrap(text, width)
  lines = [+""]
  text.split.each do |word|
    lines << +"" if !lines.last.empty? && lines.last.size + 1 + word.size > width
    lines.last << " " unless lines.last.empty?
    lines.last << word
  end
  lines
end

def justify(line, width)
  gaps = line.count(" ")
  return line if gaps.zero?

  missing = width - line.size
  each, rest = missing.divmod(gaps)
  parts = line.split(" ")
  parts.each_with_index.map do |part, index|
    next part if index == parts.size - 1

    part + " " * (1 + each + (index < rest ? 1 : 0))
  end.join
end

counts = words(TEXT).tally
puts "#{counts.values.sum} words, #{counts.size} different"
counts.sort_by { |word, count| [-count, word] }.first(8).each do |word, count|
  puts format("%-8s %3d %s", word, count, "*" * count)
end

puts
by_length = counts.keys.group_by(&:size)
by_length.keys.sort.each { |size| puts "#{size.to_s.rjust(2)}: #{by_length[size].sort.join(' ')}" }

puts
wrap(TEXT, 40).each { |line| puts "|#{line.ljust(40)}|" }
puts
wrap(TEXT, 40).each { |line| puts "|#{justify(line, 40)}|" }
puts
wrap(TEXT, 60).each { |line| puts line.center(64, ".") }

longest = counts.keys.max_by { |word| [word.size, word] }
puts "longest: #{longest.inspect}, average length %.3f" % (words(TEXT).sum(&:size) / words(TEXT).size.to_f)
puts words(TEXT).each_cons(2).map { |pair| pair.join(" ") }.tally.select { |_, n| n > 4 }.sort.inspect
puts TEXT.each_line.map(&:chomp).map(&:length).inspect
puts TEXT.lines.map { |line| line.split.map(&:capitalize).join(" ") }.first
