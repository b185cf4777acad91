#=> error
eval('begin;' * 700 + 'ensure;1;end;' * 700)
