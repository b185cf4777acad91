#=> error class=SystemStackError
class Recurses
  def to_json(*)
    JSON.generate([self])
  end
end
JSON.generate(Recurses.new)
