#=> timeout | exit killed
#! timeout=30 grace=10
class Erlang::Timeout
  def self.new(*) = raise('no')
  def self.exception(*) = loop {}
  def initialize(*) = loop {}
  def message = loop {}
  def self.===(other) = loop {}
end
begin
  loop {}
rescue Erlang::Timeout
  1
end
