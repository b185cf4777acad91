#=> error class=SystemStackError
def deeper = Class.new.class_eval { deeper }
deeper
