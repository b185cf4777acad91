#=> timeout
#! timeout=30
# It has been stopped, even if it says that all is well.
begin
  loop {}
rescue Erlang::Timeout
  42
end
