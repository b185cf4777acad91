#=> ok 1
[Regexp.allocate, /a/.match('a').dup, (Class.new(Regexp).allocate), (MatchData.allocate rescue 1), Class.new(MatchData)].each do |o|
  (Regexp.instance_methods(false) | MatchData.instance_methods(false) | %i[dup clone hash to_s inspect == freeze]).each do |m|
    [[], [1], ['x'], [o], ['x', 1], [nil, nil], [:a], [/a/]].each do |args|
      begin
        o.send(m, *args)
        o.send(m, *args) { 1 }
      rescue Exception
      end
    end
  end
  %w[abc].each do |s|
    %i[=~ match match? scan sub gsub split index rindex partition rpartition start_with? [] slice!].each do |m|
      begin
        s.dup.send(m, o)
        s.dup.send(m, o, 'x')
      rescue Exception
      end
    end
  end
end
r = Regexp.new('a')
begin
  r.send(:initialize, 'b')
rescue TypeError
end
m = /a/.match('a')
m.send(:initialize_copy, m) rescue 0
m.send(:initialize_copy, 'x') rescue 0
r.send(:initialize_copy, 5) rescue 0
ObjectSpace.each_object(Regexp) { |x| x.inspect }
ObjectSpace.each_object(MatchData) { |x| x.inspect; x.regexp; x.string }
1
