#=> exit 4 | timeout
#! timeout=100
class SystemExit
  def status = loop {}
  def message = loop {}
end
exit 4
