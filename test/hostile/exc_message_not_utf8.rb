#=> error class=RuntimeError
raise "\xff\xfe\0" * 10
