#=> ok | error class=SyntaxError
a = "ÿþÃ"
ÿ = 1
:"â‚"
'í €'.size
