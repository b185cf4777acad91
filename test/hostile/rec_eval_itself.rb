#=> error class=SystemStackError | error class=RuntimeError
$code = 'eval($code)'
eval($code)
