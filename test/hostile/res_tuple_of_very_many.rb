#=> ok | error
Erlang::Tuple[*([nil] * 100_000)]
