#=> ok | error
$stdout = nil
$stderr = nil
%i[IO STDOUT STDERR].each { |name| Object.send(:remove_const, name) rescue 1 }
GC.start
puts 1
