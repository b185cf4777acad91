a, (b, *c), d = 1, [2, 3, 4], 5
a, b = b, a
@x ||= c&.first
$y += 1 rescue $y = 0
*e, f = *1..3
x = if a then b else c end
[a, b, c, d, e, f, x, (not a), a && b || c, (1 if nil)]
