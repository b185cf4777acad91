#=> ok 5
status = SystemExit.instance_method(:status)
[5, 'x', nil, 1.5, Object.new].count do |object|
  begin
    status.bind(object).call
  rescue Exception
  end
  begin
    Object.define_method(:status_of_another, status)
    object.status_of_another
  rescue Exception
  end
  true
end
