#=> exit 0 | exit 9 | error
class MyExit < SystemExit
  def status = 9
end
raise MyExit, 'x'
