#=> error class=JSON::NestingError | error class=SystemStackError
class Recurses
  def to_json(*a)
    [self].to_json(*a)
  end
end
JSON.generate(Recurses.new)
