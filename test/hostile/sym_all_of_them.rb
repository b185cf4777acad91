#=> ok true | error class=NoMethodError
Symbol.all_symbols.size > 100
