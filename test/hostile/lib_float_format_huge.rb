#=> ok | memory_limit | error
# The C library is asked for no more digits than there are.
[->{ format('%.1000000f', 1.5).size }, ->{ format('%.100000e', 1e300).size }, ->{ format('%#.100000g', 1e-300).size }, ->{ format('%.2000000000f', 1.5) }].map do |f|
  begin
    f.call
  rescue StandardError => e
    e.class.to_s
  end
end
