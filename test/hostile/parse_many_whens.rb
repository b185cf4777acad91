#=> error
eval('case 1;' + 'when 1;2;' * 20_000 + 'end')
