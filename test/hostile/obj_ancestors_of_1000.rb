#=> ok
mods = (1..1000).map { Module.new }
c = Class.new
mods.each { |m| c.include(m) }
d = Class.new(c)
mods.each { |m| d.prepend(m) } 
[d.ancestors.size > 1000, (d.new.no_such rescue 1), d.new.is_a?(mods[5])]
