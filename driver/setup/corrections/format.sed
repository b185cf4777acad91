# A correction of mruby 3.3.0's mrbgems/mruby-sprintf/src/sprintf.c.
#
# A Float was filled up with zeros unless it began with a 9, and with a sign it lost as many digits as it had
# signs: `'%05.1f' % 9.5` was "  9.5", `'%010.2f' % -3.14` was "-000003.1". The sign is counted now.
/^fmt_float(char \*buf/,/^}/ {
  s/\*buf >= '9'/*buf > '9'/
  s/^    buf++;$/    buf++;\n    signs = 1;/
  s/^  int zero_pad = 0;$/  int zero_pad = 0, signs = 0;/
  s/^    return len;$/    return len + signs;/
  s/^    return width;$/    return width + signs;/
  s/^  return width;$/  return width + signs;/
}
