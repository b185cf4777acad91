/* What tests that run jobs have around them, as set-ups and tear-downs of cmocka: the watchdog, and
 * a look whether each job has given its stack back. */
#ifndef RUBEAM_TEST_JOB_FIXTURE_H
#define RUBEAM_TEST_JOB_FIXTURE_H

/* The watchdog alone, for a group of tests or for a single one. */
int start_watchdog(void **state);
int stop_watchdog(void **state);

/* Around one test, which fails if a coroutine is not back, whatever became of its job. A test that
 * fails leaves things behind; only what a test itself has left is held against it. */
int begin_jobs(void **state);
int end_jobs(void **state);

/* Both, with a watchdog for this one test. */
int begin_watched_jobs(void **state);
int end_watched_jobs(void **state);

#endif
