#=> error class=NoMethodError | exit 3
at_exit { loop {} }
exit 3
