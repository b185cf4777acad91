#=> error
eval('begin;' * 5000 + 'rescue;end;' * 5000)
