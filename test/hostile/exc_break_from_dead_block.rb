#=> error class=LocalJumpError
def keep(&block) = block
keep { break 5 }.call
