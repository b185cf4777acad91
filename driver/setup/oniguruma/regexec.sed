# A correction of Oniguruma 6.9.9's src/regexec.c.
#
# A search asks regexp_must_end (driver/regexp.c) before it tries each position, while it goes back in one,
# and in each operation that looks through the stack of the match, which may be long: it may have been
# told to stop, or have run for too long. It then ends like one that exceeds its limit of retries.
/^#define CHECK_RETRY_LIMIT_IN_MATCH  do/i\
extern int regexp_must_end(void);\
\
#define END_IF_TOLD  do {\\\
  if (regexp_must_end()) MATCH_AT_ERROR_RETURN(ONIGERR_RETRY_LIMIT_IN_SEARCH_OVER);\\\
} while (0)\

s/^  if (++retry_in_match_counter > retry_limit_in_match) {/  if (++retry_in_match_counter > retry_limit_in_match ||\\\
      ((retry_in_match_counter \& 1023) == 0 \&\& regexp_must_end())) {/
/^  retry_in_match_counter = 0;/a\
  END_IF_TOLD;
s/^    CASE_OP(\(RETURN\|EMPTY_CHECK_END[A-Z_]*\|REPEAT_INC[A-Z_]*\|MEM_END_[A-Z_]*\|BACKREF_[A-Z_]*\|CUT_TO_MARK\|UPDATE_VAR\))$/&\
      END_IF_TOLD;/
