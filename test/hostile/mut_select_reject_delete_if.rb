#=> ok
%i[select! reject! delete_if keep_if map! collect! uniq! each each_index reverse_each find_index partition group_by inject each_slice].map do |m|
  a = (1..100).to_a
  begin
    m == :each_slice ? a.send(m, 3) { a.clear } : a.send(m) { |*| a.clear; GC.start; true }
  rescue Exception => e
    e.class.to_s
  end
  a.size
end.size
