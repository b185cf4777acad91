#=> error class=Erlang::TermError
class << self
  self
end
