#=> error class=SystemStackError
def deeper(object) = object.instance_eval { deeper(self) }
deeper('a')
