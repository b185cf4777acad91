#=> ok 2000
(1..2000).to_a.sort { rand(3) - 1 }.size
