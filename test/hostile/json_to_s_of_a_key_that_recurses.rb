#=> error class=SystemStackError
class Recurses
  def to_s
    JSON.generate({ self => 1 })
  end
end
JSON.generate({ Recurses.new => 1 })
