#=> error
(1..100).to_a.sort { 'x' }
