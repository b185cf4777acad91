#=> ok
[-> { ObjectSpace._id2ref(5) }, -> { 5.object_id.object_id }, -> { nil.object_id }, -> { Integer(Object.new) }, -> { Float(nil) }, -> { String(BasicObject.new) }, -> { Array(5..2**70).size }, -> { Hash(5) }, -> { Array(nil) }, -> { Hash([[1]]) }, -> { Rational(Object.new) },
 -> { Integer('1' * 1000) }].map { |f| begin; f.call.class.to_s; rescue Exception => e; e.class.to_s; end }.size
