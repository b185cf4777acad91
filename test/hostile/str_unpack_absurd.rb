#=> ok
['C*', '@5C', '@999999999999a', '@-1', 'x5', 'x*', 'X', 'X9', 'a*', 'a99999999', 'A*', 'Z*', 'm', 'm0', 'M', 'u', 'U*', 'w*', 'q*', 'Q>*', 's<*', 'N*', 'H*', 'h99', 'B*', 'b*', 'D*', 'E', 'f', 'g*', 'C' * 3000, '%', "\0", 'U2147483648',
 'X*x*', '@*', 'a-1', 'P', 'L_*', '@2x9', 'X2a5', 'n2147483647'].map do |template|
  ['', 'x', "\xff" * 7, "\0" * 9, 'ab' * 50, "\x80" * 20, "=\n==", "#{'A' * 63}=", "\xf0\x9f"].map do |text|
    begin
      text.unpack(template)
      text.unpack1(template)
    rescue Exception
    end
  end
end.size
