#=> ok
%w[break next redo retry yield super return __method__ alias\ x\ y undef\ x BEGIN{1} END{1} self=1 nil=1 $1 $~ @@a @1 $ @ 1=2 p(*) f(**) &1 *1 -> :: ... \\ `ls`].map do |code|
  begin
    eval(code)
    :fine
  rescue Exception => e
    e.class.to_s
  end
end.size
