# Time arithmetic in UTC with fixed times: formatting, durations, weekdays, Easter, schedules.
EPOCH = Time.utc(1970, 1, 1)
moon = Time.utc(1969, 7, 20, 20, 17, 40)
party = Time.gm(1999, 12, 31, 23, 59, 59)
leap = Time.utc(2024, 2, 29, 6, 5, 4)
p moon, party, leap, EPOCH.to_i, moon.to_i, party.to_f, leap.year, leap.month, leap.day, leap.hour, leap.min, leap.sec, leap.wday, leap.yday, leap.utc?, leap.zone
puts moon, leap + 86_400, leap - 3600, party + 1, (party - moon).round, ((party - moon) / 86_400).floor
p moon < party, party <=> moon, moon == Time.at(moon.to_i), [party, moon, leap].sort.map(&:year), [party, moon].min == moon, party.between?(moon, leap), leap.clamp(moon, party) == party
p leap.thursday?, moon.sunday?, leap.monday?, Time.at(1_700_000_000).utc.to_s, Time.at(0.5).utc.usec, Time.at(1, 500_000).utc.to_f, leap.utc_offset, leap.hash == Time.utc(2024, 2, 29, 6, 5, 4).hash, leap.eql?(leap.dup)

%w[%Y-%m-%d %H:%M:%S %d/%m/%y %j %A %a %B %b %e %I:%M\ %p %l%P %s %F %T %R %D %c %x %X %r %u %w %U %W %V %G %C %% %Z %z %:z %-d.%-m. %3N %L %6N %10Y %^a %^B %-H %k %_d %05d %n|%t| %h %q].each do |format|
  puts "#{format.ljust(12)} #{leap.strftime(format)}"
end
puts moon.strftime("On %A, the %-d of %B %Y, at %-I:%M %p"), leap.strftime(""), leap.strftime("plain")

def duration(seconds)
  parts = [["d", 86_400], ["h", 3600], ["min", 60], ["s", 1]].map do |unit, size|
    count, seconds = seconds.divmod(size)
    "#{count.to_i} #{unit}" if count > 0
  end.compact
  parts.empty? ? "0 s" : parts.join(" ")
end
puts [0, 59, 60, 3661, 86_400, 90_061, 1_000_000].map { |s| duration(s) }

def leap_year?(year) = (year % 4).zero? && (year % 100 != 0 || (year % 400).zero?)
def days_in(year, month) = [31, leap_year?(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
p [1900, 2000, 2023, 2024].map { |y| leap_year?(y) }, (1..12).sum { |m| days_in(2024, m) }, Time.utc(2023, 12, 31).yday, Time.utc(2024, 12, 31).yday

def add_months(time, count)
  months = time.year * 12 + time.month - 1 + count
  year, month = months.divmod(12)
  Time.utc(year, month + 1, [time.day, days_in(year, month + 1)].min, time.hour, time.min, time.sec)
end
puts (-3..3).map { |n| add_months(Time.utc(2024, 1, 31), n).strftime("%F") }.join(" ")

def easter(year)
  a, b, c = year % 19, year / 100, year % 100
  d, e = b.divmod(4)
  g = (8 * b + 13) / 25
  h = (19 * a + b - d - g + 15) % 30
  i, k = c.divmod(4)
  l = (32 + 2 * e + 2 * i - h - k) % 7
  m = (a + 11 * h + 22 * l) / 451
  month, day = (h + l - 7 * m + 114).divmod(31)
  Time.utc(year, month, day + 1)
end
puts [1999, 2000, 2024, 2025].map { |y| easter(y).strftime("%a %d %b %Y") }
fridays = (0...366).map { |n| Time.utc(2024, 1, 1) + n * 86_400 }.select { |t| t.friday? && t.day == 13 }
puts fridays.map { |t| t.strftime("%F") }.join(", ")

Meeting = Struct.new(:name, :start, :minutes) do
  def finish = start + minutes * 60
  def overlaps?(other) = start < other.finish && other.start < finish
  def to_s = "#{start.strftime('%H:%M')}-#{finish.strftime('%H:%M')} #{name}"
end
day = Time.utc(2024, 5, 6)
meetings = [["standup", 9 * 60, 15], ["review", 9 * 60 + 10, 60], ["lunch", 12 * 60, 45], ["planning", 12 * 60 + 30, 120], ["tea", 16 * 60, 10]].map { |name, at, minutes| Meeting.new(name, day + at * 60, minutes) }
puts meetings
meetings.combination(2).select { |a, b| a.overlaps?(b) }.each { |a, b| puts "#{a.name} overlaps #{b.name}" }
busy = meetings.sum(&:minutes)
free = meetings.sort_by(&:start).each_cons(2).map { |a, b| ((b.start - a.finish) / 60).to_i }.select(&:positive?)
p busy, free, meetings.group_by { |m| m.start.hour < 12 ? :morning : :afternoon }.transform_values { |list| list.map(&:name) }
weeks = (0..5).map { |n| (Time.utc(2020, 12, 28) + n * 86_400).strftime("%G-W%V-%u") }
p weeks
begin
  Time.utc(2000, 13, 1)
rescue ArgumentError => e
  puts e.class
end
