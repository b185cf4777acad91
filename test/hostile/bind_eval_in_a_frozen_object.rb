#=> error
'x'.freeze.instance_eval { @a = 1 }
