#=> ok | error
a = 1
b = <<~E
  text
E
﻿a
