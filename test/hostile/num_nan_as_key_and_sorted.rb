#=> ok
nan = 0.0 / 0
[{ nan => 1, nan => 2, 0.0 => 3, -0.0 => 4 }.size, ([nan, 1, 2, nan].sort rescue 1), ([nan, 1].max rescue 2), [nan].uniq.size, [nan].include?(nan), (nan.clamp(1, 2) rescue 3)].size
