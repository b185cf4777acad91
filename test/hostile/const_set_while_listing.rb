#=> ok
n = 0
Object.constants.each { |name| Object.const_set("Made#{n += 1}", name) }
Module.new.tap { |m| 200.times { |i| m.const_set("A#{i}", m) } }.constants.each { |c| GC.start if c == :A7 }.size
