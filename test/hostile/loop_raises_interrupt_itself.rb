#=> error
raise Erlang.constants.include?(:Interrupt) ? Erlang::Interrupt : 'there is none'
