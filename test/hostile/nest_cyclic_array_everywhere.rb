#=> ok
a = [1]
a << a
tried = %i[inspect to_s hash flatten join to_a uniq sort compact reverse sum max to_h transpose].map do |name|
  begin
    a.send(name)
    :fine
  rescue Exception => e
    e.class.to_s
  end
end
tried.size
