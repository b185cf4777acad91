#=> exit 3
class SystemExit
  def initialize(*); end
  def status; raise 'no'; end
  def message; exit!; end
end
class Proc
  def call(*) = exit!(9)
end
at_exit { 1 }
exit 3
