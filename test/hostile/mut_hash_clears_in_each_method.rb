#=> ok
%i[each each_key each_value map select reject select! reject! delete_if keep_if any? all? count min_by sort_by group_by
   transform_values transform_values! transform_keys transform_keys! filter_map to_h each_with_object sum find partition merge! update].map do |m|
  h = (1..100).map { |n| [n, n] }.to_h
  begin
    case m
    when :each_with_object then h.send(m, []) { h.clear; GC.start }
    when :merge!, :update then h.send(m, h.dup) { h.clear; GC.start }
    else h.send(m) { |*| h.clear; GC.start; 1 }
    end
  rescue Exception => e
    e.class.to_s
  end
  h.size
end.size
