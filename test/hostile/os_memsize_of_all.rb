#=> ok | error class=NoMethodError
[ObjectSpace.memsize_of_all, ObjectSpace.count_objects.size].size
