#=> ok ['', ' ', '+', '[]=', nil, true, undefined, error, 'Elixir.String', '\'']
[:'', :' ', :+, :[]=, :nil, :true, :undefined, :error, :'Elixir.String', :"'"]
