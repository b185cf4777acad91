#=> error
class << Object
  undef_method :new
end
class << Exception
  undef_method :new
  undef_method :exception
end
raise 'x'
