/* Tests of driver/port_run.c: another program on a leash. Each leash is a process that is forked for it. (What
 * becomes of programs when a port closes or a node is killed: port_SUITE.) */
#include "port_run.h"

#include "sanitizers.h"
#include "waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char *self; /* this program, which can be a leashed one, too: see main */

struct leash {
  pid_t pid;
  int to, from; /* our ends of the pipes; -1: closed */
};

static struct leash start(const char *const *words, void (*before)(void))
{
  int in[2], out[2];
  assert_int_equal(pipe2(in, O_CLOEXEC), 0);
  assert_int_equal(pipe2(out, O_CLOEXEC), 0);
  fflush(NULL);
  struct leash leash = {.pid = fork(), .to = in[1], .from = out[0]};
  assert_true(leash.pid >= 0);
  if (leash.pid == 0) {
    /* Above 4, so that none of them is in the way of the others. */
    int reader = fcntl(in[0], F_DUPFD_CLOEXEC, 10), writer = fcntl(out[1], F_DUPFD_CLOEXEC, 10);
    close(in[0]), close(in[1]), close(out[0]), close(out[1]);
    if (dup2(reader, 3) < 0 || dup2(writer, 4) < 0) _exit(99);
    close(reader), close(writer);
    if (before) before();
    _exit(port_run((char **)(uintptr_t)words));
  }
  close(in[0]), close(out[1]);
  return leash;
}

static void hang_up(struct leash *leash)
{
  if (leash->to >= 0) close(leash->to);
  if (leash->from >= 0) close(leash->from);
  leash->to = leash->from = -1;
}

/* Waits for it, whose pipes are there as long as that takes. */
static int status_of(struct leash leash)
{
  int status;
  assert_int_equal(waitpid(leash.pid, &status, 0), leash.pid);
  hang_up(&leash);
  return status;
}

/* A number that the program has written in a line. */
static pid_t read_pid(const struct leash *leash)
{
  char line[20];
  size_t length = 0;
  do assert_int_equal(read(leash->from, line + length, 1), 1);
  while (line[length++] != '\n' && length < sizeof line);
  line[length - 1] = 0;
  return (pid_t)strtol(line, NULL, 10);
}

/* Gone, or dead and not waited for by whoever has inherited it. */
static bool is_gone(pid_t pid)
{
  char path[40], stat[100] = "";
  (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return true;
  ssize_t length = read(file, stat, sizeof stat - 1);
  close(file);
  const char *state = strchr(stat, ')');
  return length <= 0 || (state && state[2] == 'Z');
}

#define SH(text) ((const char *const[]){"--", "sh", "-c", text, NULL})

static void it_ends_as_its_program_does(void **state)
{
  (void)state;
  int status = status_of(start(SH("exit 7"), NULL));
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  status = status_of(start(SH("kill -9 $$"), NULL));
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  status = status_of(start(SH("kill -SEGV $$"), NULL));
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV && !WCOREDUMP(status));
}

static void block_and_ignore(void)
{
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGUSR1);
  (void)sigprocmask(SIG_BLOCK, &set, NULL);
  (void)signal(SIGCHLD, SIG_IGN);
}

static void signals_that_the_parent_has_blocked_or_ignored_do_not_matter(void **state)
{
  (void)state;
  int status = status_of(start(SH("sleep 0.1; exit 7"), block_and_ignore));
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  /* Blocked is for the program what was blocked before: 0x10200, SIGCHLD and SIGUSR1. */
  status = status_of(
      start(SH("exec grep -q 'SigBlk:.0000000000010200' /proc/self/status"), block_and_ignore));
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_program_that_ends_by_itself_when_its_input_does_is_let(void **state)
{
  (void)state;
  struct leash leash = start(SH("echo 1 >&4; read line <&3; exit 9"), NULL);
  assert_int_equal(read_pid(&leash), 1);
  hang_up(&leash);
  int status = status_of(leash);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 9);
}

static void one_that_does_not_is_killed(void **state)
{
  (void)state;
  struct leash leash = start(SH("trap '' TERM HUP; echo $$ >&4; while :; do :; done"), NULL);
  pid_t program = read_pid(&leash);
  hang_up(&leash);
  int status = status_of(leash);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  assert_true(is_gone(program));
}

static void one_end_that_is_closed_is_enough(void **state)
{
  (void)state;
  for (int i = 0; i < 2; i++) {
    struct leash leash = start(SH("echo $$ >&4; exec sleep 1000"), NULL);
    pid_t program = read_pid(&leash);
    close(i ? leash.to : leash.from);
    *(i ? &leash.to : &leash.from) = -1;
    (void)status_of(leash);
    assert_true(is_gone(program));
  }
}

/* As a shell does with its jobs. It is in a group that its parent does not know of. */
static void one_that_has_left_its_group_is_killed_all_the_same(void **state)
{
  (void)state;
  struct leash leash = start((const char *const[]){"--", self, "leave", NULL}, NULL);
  pid_t program = read_pid(&leash);
  hang_up(&leash);
  (void)status_of(leash);
  must_become(is_gone(program));
}

static void what_it_has_started_goes_with_it(void **state)
{
  (void)state;
  static const int signals[] = {0, SIGTERM, SIGKILL};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
    struct leash leash = start(SH("sleep 1000 & echo $! >&4; (trap '' TERM; exec sleep 1000) & "
                                  "echo $! >&4; echo $$ >&4; exec sleep 1000"),
                               NULL);
    pid_t pids[3];
    for (int p = 0; p < 3; p++) pids[p] = read_pid(&leash);
    if (signals[i] == 0)
      hang_up(&leash);
    else
      assert_int_equal(kill(leash.pid, signals[i]), 0);
    (void)status_of(leash);
    for (int p = 0; p < 3; p++) must_become(is_gone(pids[p]));
  }
}

static void what_can_not_be_run_is_told_by_the_status(void **state)
{
  (void)state;
  static const struct {
    const char *words[4];
    int status;
  } starts[] = {
      {{"--", "/no/such/program", NULL}, 127},
      {{"--", NULL}, 64},
      {{NULL}, 64},
      {{"sh", "--", "true", NULL}, 64},
      {{"rlimit_as=x", "--", "true", NULL}, 64},
  };
  for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
    int status = status_of(start(starts[i].words, NULL));
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == starts[i].status);
  }
}

/* The program "leave": has children of its own in the group that the leash knows, and is in none of its own. */
static int leave(void)
{
  char line[20];
  pid_t other = fork();
  if (other == 0) {
    (void)setpgid(0, 0);
    for (;;) pause();
  }
  (void)setpgid(other, other);
  if (setpgid(0, other)) return 1;
  (void)kill(other, SIGKILL);
  int length = snprintf(line, sizeof line, "%d\n", (int)getpid());
  if (write(4, line, (size_t)length) != length) return 2;
  for (;;) pause();
}

int main(int count, char **words)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_ends_as_its_program_does),
      cmocka_unit_test(signals_that_the_parent_has_blocked_or_ignored_do_not_matter),
      cmocka_unit_test(a_program_that_ends_by_itself_when_its_input_does_is_let),
      cmocka_unit_test(one_that_does_not_is_killed),
      cmocka_unit_test(one_end_that_is_closed_is_enough),
      cmocka_unit_test(one_that_has_left_its_group_is_killed_all_the_same),
      cmocka_unit_test(what_it_has_started_goes_with_it),
      cmocka_unit_test(what_can_not_be_run_is_told_by_the_status),
  };
  if (count > 1 && strcmp(words[1], "leave") == 0) return leave();
  self = words[0];
  return cmocka_run_group_tests(tests, NULL, NULL);
}
