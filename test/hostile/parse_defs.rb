#=> error
eval('def f;' * 9000 + 'end;' * 9000)
