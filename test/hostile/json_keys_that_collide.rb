#=> ok 1
JSON.parse('{' + '"a":1,' * 200_000 + '"a":2}').size
