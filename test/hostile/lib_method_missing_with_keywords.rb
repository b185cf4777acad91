#=> ok [[2],nil]
# The keywords were an Array once: what is done with a Hash was done to it.
class Any
  def method_missing(name, *rest, one: nil, **more)
    more.each { |k, v| more[k] = v }
    more.delete(:x)
    more.merge(one: one).size
  end
end
a = Any.new
many = (1..20).to_a
sizes = [a.go(one: 1, y: 2), a.go(1, one: 1, y: 2), a.go(*many, one: 1, y: 2), a.go(*many, **{ y: 2 })]
GC.start
[sizes.uniq, nil]
