# Values to JSON and back, errors of the parser, pretty output.
require "json"

data = {
  "name" => "Rubeam", "version" => [0, 1, 0], "float" => 1.5, "large" => 2**70, "nothing" => nil, "yes" => true,
  "nested" => { "empty" => {}, "list" => [[], [1, [2, [3]]]] }, "text" => "quote \" backslash \\ newline \n tab \t unicode é ✓"
}
text = JSON.generate(data)
puts text
p JSON.parse(text) == data
puts JSON.pretty_generate(data)
puts [1, "two", nil, true, 2.5].to_json, "text".to_json, nil.to_json, 5.to_json, { sym: :value, 1 => 2 }.to_json, 1e20.to_json
p JSON.parse('{"a": {"b": [1, 2.0, -3e2, "x"]}}', symbolize_names: true), JSON.parse("[]"), JSON.parse("12"), JSON.parse('"\u00e9\n"'), JSON.parse(" [true , false ,null ] ")
['{"a": }', "[1,]", "", "nul", '{"a" 1}', '"open'].each do |bad|
  JSON.parse(bad)
  puts "parsed #{bad}"
rescue JSON::ParserError => e
  puts "#{e.class} for #{bad.inspect}"
end
begin
  JSON.generate(0.0 / 0)
rescue JSON::GeneratorError => e
  puts e.class
end

Person = Struct.new(:name, :age) do
  def to_json(*args) = to_h.to_json(*args)
end
puts JSON.generate([Person.new("Ann", 33), Person.new("Bob", nil)])
people = JSON.parse('[{"name": "Ann", "age": 33}, {"name": "Cid", "age": 7}]', symbolize_names: true).map { |h| Person.new(*h.values_at(:name, :age)) }
p people, people.sum(&:age), people.max_by(&:age).name
