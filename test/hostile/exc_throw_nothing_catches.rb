#=> error class=UncaughtThrowError
throw :ball
