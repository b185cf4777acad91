# A correction of Oniguruma 6.9.9's src/regparse.c.
#
# In Ruby \w, \d and \s are ASCII's, while \b, [[:alpha:]] and \p{Alpha} know all of Unicode. Oniguruma has
# options that make the former so (ONIG_OPTION_WORD_IS_ASCII and its like), but they hold for the latter
# too. Here they do not.
/^#define OPTON_TEXT_SEGMENT_WORD(option)/a\
\
#define WIDE(options) ((options) & ~(ONIG_OPTION_WORD_IS_ASCII | ONIG_OPTION_DIGIT_IS_ASCII |\\\
                                     ONIG_OPTION_SPACE_IS_ASCII))\
#define ADD_WIDE_CTYPE(cc, ctype, not, env) ({\\\
  OnigOptionType given = (env)->options;\\\
  (env)->options = WIDE(given);\\\
  int result = add_ctype_to_cc(cc, ctype, not, env);\\\
  (env)->options = given;\\\
  result; })
s/^  ascii_mode = OPTON_WORD_ASCII(options) && IS_WORD_ANCHOR_TYPE(type) ? 1 : 0;/  ascii_mode = OPTON_WORD_ASCII(WIDE(options)) \&\& IS_WORD_ANCHOR_TYPE(type) ? 1 : 0;/
/^prs_posix_bracket(/,/^}/ s/r = add_ctype_to_cc(/r = ADD_WIDE_CTYPE(/
/^prs_char_property(/,/^}/ {
  s/r = add_ctype_to_cc(/r = ADD_WIDE_CTYPE(/
  s/prop.not, env->options)/prop.not, WIDE(env->options))/
}
/^    case TK_CHAR_PROPERTY:/,/^      break;/ s/r = add_ctype_to_cc(/r = ADD_WIDE_CTYPE(/
