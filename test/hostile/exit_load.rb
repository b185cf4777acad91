#=> error
require '/etc/passwd'
