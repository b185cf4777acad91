#=> error class=SystemStackError
def method_missing(name, *args) = nothing_like_this(*args)
anything
