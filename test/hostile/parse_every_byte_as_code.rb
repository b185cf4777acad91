#=> ok
# Each byte alone, in pairs with itself, and before and after a name.
(0..255).each do |byte|
  char = byte.chr
  [char, char * 2, "a#{char}", "#{char}a", "a = #{char}1", "\"#{char}", "%#{char}", "?#{char}", ":#{char}", "<<#{char}A"].each do |code|
    begin
      eval(code)
    rescue Exception
    end
  end
end
1
