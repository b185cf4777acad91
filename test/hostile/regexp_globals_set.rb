#=> ok 1
'abc' =~ /b/
begin
  $~ = 'x'
rescue TypeError
end
$~ = nil
[$1, $&, $`, $', $+, $99].all?(&:nil?) or raise
global_variables.each { |name| eval("#{name} = 5") rescue 0 unless %i[$stdout $stderr].include?(name) }
'abc' =~ /(b)/
[$1, $&, $`, $'] == %w[b b a c] or raise
1
