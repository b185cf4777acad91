#=> timeout
#! timeout=300
value = [{ 'a' => [1, 2.5, 'x' * 100, nil] }] * 2000
loop { JSON.generate(value) }
