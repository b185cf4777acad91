#=> error class=SystemStackError
def deeper(object) = object.instance_exec(1) { |one| deeper(one) }
deeper(1)
