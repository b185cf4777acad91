r = []
for i in 1..9 do
  case i
  when 1..3, ->(v) { v == 7 } then next
  when Integer then r << i
  else redo
  end
  break unless i < 8
end
while r.size > 2 do r.shift end
r until true
