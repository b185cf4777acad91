/* The result of every function of the core that can fail.
 *
 * 0 is success. Results travel through out-pointers, which are written on success only.
 */
#ifndef RUBEAM_STATUS_H
#define RUBEAM_STATUS_H

enum status {
  STATUS_OK = 0,
  STATUS_NO_MEMORY,  /* the system gave no memory, stack, thread or mapping */
  STATUS_TOO_LARGE,  /* a limit of ours on bytes, depth or count is exceeded */
  STATUS_MALFORMED,  /* bytes that are not what they claim to be */
  STATUS_TRUNCATED,  /* bytes that end too early */
  STATUS_UNSUPPORTED /* well formed, but of a kind that has no meaning here */
};

#define MUST_CHECK __attribute__((warn_unused_result))

#endif
