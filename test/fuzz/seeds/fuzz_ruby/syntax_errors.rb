def (
class a; end
1 = 2
"#{