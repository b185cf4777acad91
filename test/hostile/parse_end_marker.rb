#=> ok 1
1
__END__
raise 'not to be read' (((
