#=> ok <<"x1">>
%i[String Integer Array Hash Proc Range Symbol Float].each_with_index { |name, n| Object.const_set(name, n) }
GC.start
[1].inspect
{ 1 => 2 }.to_s
'x' + 1.to_s
