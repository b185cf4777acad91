#=> error
'x' * -1
