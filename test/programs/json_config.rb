# Layers of configuration in JSON, merged, looked up by path, changed and written again.
require "json"

DEFAULTS = '{"server": {"host": "localhost", "port": 80, "tls": false}, "log": {"level": "info", "targets": ["stdout"]}, "limits": {"rate": 1.5}}'
LOCAL = '{"server": {"port": 8080, "tls": true}, "log": {"targets": ["file", "stdout"]}, "feature": {"x": null}}'

class Config
  def self.load(*texts) = new(texts.map { |text| JSON.parse(text) }.reduce { |all, more| deep_merge(all, more) })
  def self.deep_merge(one, other) = one.merge(other) { |_, a, b| a.is_a?(Hash) && b.is_a?(Hash) ? deep_merge(a, b) : b }

  def initialize(data) = @data = data
  def [](path) = path.split(".").inject(@data) { |node, key| node.is_a?(Hash) ? node[key] : nil }

  def []=(path, value)
    *parents, last = path.split(".")
    parents.inject(@data) { |node, key| node[key] ||= {} }[last] = value
  end

  def paths(node = @data, prefix = nil)
    return [prefix] unless node.is_a?(Hash)

    node.flat_map { |key, value| paths(value, [prefix, key].compact.join(".")) }
  end

  def to_json(*args) = @data.to_json(*args)
end

config = Config.load(DEFAULTS, LOCAL)
p config["server.port"], config["server.host"], config["log.targets"], config["missing.path"], config["feature.x"], config.paths
config["limits.burst"] = 10
config["new.deep.key"] = [1, { "a" => nil }]
puts config.to_json, JSON.pretty_generate(JSON.parse(config.to_json))
p Config.load(config.to_json).paths.size, JSON.parse(config.to_json)["new"].dig("deep", "key", 1)
lines = ['{"event":"start","at":1}', '{"event":"stop","at":9}', "broken"]
events = lines.filter_map do |line|
  JSON.parse(line, symbolize_names: true)
rescue JSON::ParserError
  puts "skipped #{line}"
end
p events, events.map { |e| e[:at] }.minmax, events.to_h { |e| [e[:event].to_sym, e[:at]] }
