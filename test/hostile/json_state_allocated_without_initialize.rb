#=> ok [<<"[1]">>,<<"[1]">>]
state = JSON::State.allocate
[state.generate([1]), JSON.generate([1], state)]
