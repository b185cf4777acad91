#=> ok
[Method, UnboundMethod, Proc].map do |c|
  begin
    o = c.allocate
    %i[call to_proc owner receiver name arity parameters inspect hash unbind curry == === >> << lambda? source_location binding].each { |n| begin; o.send(n); o.send(n, o); rescue Exception; end }
  rescue Exception
  end
end.size
