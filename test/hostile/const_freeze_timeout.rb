#=> timeout
#! timeout=30
[Class, Exception, StandardError, Erlang, Erlang::Timeout, Object].each(&:freeze)
loop {}
