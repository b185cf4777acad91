#=> ok
(1..1000).map { |n| Object.new.tap { |o| o.define_singleton_method(:to_erl) { n } } }
