#=> memory_limit | exit memory_limit | timeout
#! memory_limit=8000000
i = 0
loop { JSON.parse("{\"key number #{i += 1}\":1}", symbolize_names: true) }
