#=> error
exit 0.0 / 0
