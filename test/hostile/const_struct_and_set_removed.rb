#=> error | ok
S = Struct.new(:a)
s = Set.new([1])
%i[Struct Set Comparable Enumerable Enumerator Kernel].each { |name| Object.send(:remove_const, name) }
GC.start
[S.new(1).to_a, s.to_a, s.map { 1 }, [1].each.next, 1.clamp(2, 3)]
