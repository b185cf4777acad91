#=> error class=TypeError
raise nil
