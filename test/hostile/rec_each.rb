#=> error class=SystemStackError
def deeper(array) = array.each { deeper(array) }
deeper([1])
