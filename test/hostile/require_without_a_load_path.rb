#=> ok [true,true,true,true,true]
["a", "/etc/passwd", "../../etc/passwd", "/proc/self/environ", "."].map do |name|
  require name
  false
rescue LoadError
  true
end
