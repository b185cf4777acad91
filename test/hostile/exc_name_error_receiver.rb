#=> error class=NameError | error class=NoMethodError
begin
  Object.new.instance_eval { no_such_thing }
rescue NameError => e
  e.receiver.nothing rescue 1
  e.name.to_s.nothing
end
