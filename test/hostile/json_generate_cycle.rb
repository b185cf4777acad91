#=> error class=JSON::NestingError
a = [1]
a << { a: a }
JSON.generate(a)
