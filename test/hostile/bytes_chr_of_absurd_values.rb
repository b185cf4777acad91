#=> ok
[2**40, -1, 256, 0x110000, 0xd800, 2**70, 1.5e300].map { |n| [(n.chr rescue 1), (n.chr('UTF-8') rescue 2), ([n].pack('U') rescue 3), ("%c" % n rescue 4)] }.size
