#=> ok 2
def changing
  eval('def changing = 2')
  GC.start
  1
end
changing
changing
