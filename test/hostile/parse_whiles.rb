#=> error
eval('while 1;' * 5000 + 'end;' * 5000)
