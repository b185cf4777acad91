#=> error
File.open('/etc/passwd').read
