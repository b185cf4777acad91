h = Hash.new { |hh, k| hh[k] = k.to_s }
h[1]; h[:a] = { "b" => [1, *[2, 3]], **{ c: 4 } }
h.each { |k, v| k }
h.map { |k, v| [v, k] }.to_h.merge!(x: 1) { |*a| a }.delete_if { |k, _| !k }.sort_by(&:to_s)
