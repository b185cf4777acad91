#=> ok
def make
  n = 0
  [-> { n += 1 }, -> { binding }]
end
inc, bind = make
GC.start
100.times { inc.call }
bind.call.eval('n') rescue 1
