#=> error class=FrozenError
self.freeze
@a = 1
