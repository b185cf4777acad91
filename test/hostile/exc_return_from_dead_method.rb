#=> error class=LocalJumpError
def keep = proc { return 1 }
keep.call
