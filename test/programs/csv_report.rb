# A parser of comma-separated values with quotes, and a report made of them.
DATA_TEXT = <<~CSV
  name,department,salary,"started, year"
  "Smith, Anna",Sales,52000,2011
  "Jones ""Jo"" Joanna",Research,61500.50,2009
  Miller,Sales,48000,2015
  Fischer,Research,70250.25,2003
  ,Support,33000,2019
  "Two
  lines",Support,35500,2020
CSV

class CsvError < StandardError
  attr_reader :line

  def initialize(message, line)
    super("line #{line}: #{message}")
    @line = line
  end
end

def parse_csv(text)
  rows = []
  row = []
  field = +""
  quoted = false
  line = 1
  chars = text.chars
  index = 0
  while index < chars.size
    char = chars[index]
    line += 1 if char == "\n"
    if quoted
      if char == '"' && chars[index + 1] == '"'
        field << '"'
        index += 1
      elsif char == '"'
        quoted = false
      else
        field << char
      end
    else
      case char
      when '"'
        raise CsvError.new("quote inside of a field", line) unless field.empty?

        quoted = true
      when ","
        row << field
        field = +""
      when "\n"
        rows << (row << field)
        row = []
        field = +""
      else field << char
      end
    end
    index += 1
  end
  raise CsvError.new("quote is not closed", line) if quoted

  rows << (row << field) unless row.empty? && field.empty?
  rows
end

def to_csv(rows)
  rows.map do |row|
    row.map { |f| f.to_s.count(",\"\n") > 0 ? '"' + f.to_s.gsub('"', '""') + '"' : f.to_s }.join(",")
  end.join("\n")
end

header, *rows = parse_csv(DATA_TEXT)
p header
records = rows.map { |row| header.zip(row).to_h }
records.each { |record| p record }

puts "%-12s|%5s|%12s|%12s" % %w[department count total average]
puts "-" * 12 + "+" + "-" * 5 + "+" + "-" * 12 + "+" + "-" * 12
records.group_by { |r| r["department"] }.sort.each do |department, list|
  total = list.sum { |r| Float(r["salary"]) }
  puts format("%-12s|%5d|%12.2f|%12.3f", department, list.size, total, total / list.size)
end

oldest = records.min_by { |r| r["started, year"].to_i }
puts "longest here: #{oldest['name']} since #{oldest.fetch('started, year')}"
puts to_csv([header, *rows])
puts parse_csv(to_csv([header, *rows])) == [header, *rows]

["a,\"b", "a,b\"c\n", "x\n\"y"].each do |bad|
  parse_csv(bad)
rescue CsvError => e
  puts "#{e.class}: #{e.message} (#{e.line})"
end
begin
  records.first.fetch("age")
rescue KeyError => e
  puts e.message
end
p Integer("12"), Float("1e3"), Integer("zz", exception: false)
