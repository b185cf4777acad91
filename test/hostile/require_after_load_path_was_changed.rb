#=> ok [true,true,true]
$: = $LOAD_PATH = ['/etc', '/']
ObjectSpace.each_object(Array) { |a| a << '/etc' unless a.frozen? }
ObjectSpace.each_object(String) { |s| s.replace('/etc') unless s.frozen? }
["passwd", "etc/passwd", "hostname"].map do |name|
  load name
  false
rescue LoadError
  true
end
