# A correction of Oniguruma 6.9.9's src/regexec.c.
#
# A search asks regexp_must_end (driver/regexp.c) before it tries each position, and while it goes back
# in one: it may have been told to stop, or have run for too long. It then ends like one that
# exceeds its limit of retries.
/^#define CHECK_RETRY_LIMIT_IN_MATCH  do/i\
extern int regexp_must_end(void);\

s/^  if (++retry_in_match_counter > retry_limit_in_match) {/  if (++retry_in_match_counter > retry_limit_in_match ||\\\
      ((retry_in_match_counter \& 1023) == 0 \&\& regexp_must_end())) {/
/^  retry_in_match_counter = 0;/a\
  if (regexp_must_end()) MATCH_AT_ERROR_RETURN(ONIGERR_RETRY_LIMIT_IN_SEARCH_OVER);
