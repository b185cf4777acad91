#=> error class=SystemStackError
def deeper(&block) = [1].each { deeper(&block) }
deeper { 1 }
