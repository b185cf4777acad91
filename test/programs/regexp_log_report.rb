# Reads lines of a web server's log with named groups, and reports.
LOG = <<~'LOG'
  127.0.0.1 - ann [10/Oct/2000:13:55:36 -0700] "GET /index.html HTTP/1.0" 200 2326
  10.0.0.7 - - [10/Oct/2000:13:56:01 -0700] "POST /login?user=bob&x=1 HTTP/1.1" 302 0
  10.0.0.7 - bob [11/Oct/2000:00:00:07 -0700] "GET /img/logo.png HTTP/1.1" 304 -
  192.168.1.20 - - [11/Oct/2000:08:12:44 -0700] "GET /missing HTTP/1.1" 404 512
  garbage that is no line of a log
  10.0.0.7 - bob [11/Oct/2000:09:01:13 -0700] "DELETE /item/42 HTTP/1.1" 500 77
LOG

LINE = %r{
  \A(?<ip>\d{1,3}(?:\.\d{1,3}){3}) \s - \s (?<user>\S+) \s
  \[(?<day>\d+)/(?<month>[A-Z][a-z]{2})/(?<year>\d{4}):(?<time>\d\d:\d\d:\d\d)\s[+-]\d{4}\] \s
  "(?<verb>[A-Z]+)\s(?<path>[^\s?]+)(?:\?(?<query>\S*))?\sHTTP/[\d.]+" \s (?<status>\d{3}) \s (?<bytes>\d+|-)\z
}x

entries = LOG.each_line(chomp: true).filter_map do |line|
  match = LINE.match(line)
  puts "skipped: #{line}" unless match
  match&.named_captures
end
entries.each { |entry| puts entry.values_at("ip", "user", "verb", "path", "query", "status", "bytes").inspect }
p entries.group_by { |e| e["status"][0] }.transform_values(&:size)
p entries.sum { |e| e["bytes"].to_i }, entries.map { |e| e["time"][/\A\d+/].to_i }
query = entries.filter_map { |e| e["query"] }.first
p query.scan(/(\w+)=(\w*)/).to_h
case entries.last["path"]
when %r{\A/item/(\d+)\z} then puts "item #{$1}, #{$~[0]}, before #{$~.pre_match.inspect}"
end
p LOG =~ /POST/, LOG[/"(\w+) /, 1], LOG.match?(/404 \d+$/), LOG.scan(/^\d[\d.]+/).tally
