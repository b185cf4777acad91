#=> error
eval('if 1;' * 9000 + 'end;' * 9000)
