#=> ok [[0,1.0],[-1,0.5],'TypeError','TypeError']
# What is no Integer leads to the function of Float, which once took the Integer's number for an address.
[1, -1].map { |n| n.divmod(1.5) } + [nil, Object.new].map do |x|
  begin
    1.divmod(x)
  rescue TypeError => e
    e.class.to_s.to_sym
  end
end
