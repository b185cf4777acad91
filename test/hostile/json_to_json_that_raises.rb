#=> ok [<<"RuntimeError">>,<<"[1,[2]]">>]
class Bad
  def to_json(*)
    raise 'no'
  end
end
error = begin
  JSON.generate([1, { a: [Bad.new] }])
rescue => e
  e.class.to_s
end
[error, JSON.generate([1, [2]])]
