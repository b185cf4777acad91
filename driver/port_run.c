/* Another program on a leash: see port_run.h. */
#include "port_run.h"

#include "port_limits.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How long a program may take to end when nobody is there any more. */
#define PATIENCE_MS 500

#define BAD_USE   64
#define NOT_FOUND 127 /* as a shell says it */

static int complain(const char *text, const char *what, int status)
{
  char line[512];
  int length = snprintf(line, sizeof line, "rubeam_port run: %s%s\n", text, what);
  if (write(STDERR_FILENO, line, length < (int)sizeof line ? (size_t)length : sizeof line - 1) < 0)
    return status;
  return status;
}

static void on_child(int number) { (void)number; }

_Noreturn static void be_program(char **program, bool stdio, pid_t leash, const sigset_t *signals)
{
  (void)setpgid(0, 0);
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != leash) _exit(0);
  if (!stdio) {
    int nothing = open("/dev/null", O_RDWR);
    if (nothing >= 0 && nothing != STDIN_FILENO) {
      (void)dup2(nothing, STDIN_FILENO);
      (void)close(nothing);
    }
  }
  (void)signal(SIGCHLD, SIG_DFL);
  (void)signal(SIGPIPE, SIG_DFL);
  (void)signal(SIGXFSZ, SIG_DFL);
  (void)sigprocmask(SIG_SETMASK, signals, NULL);
  (void)execvp(program[0], program);
  _exit(complain(program[0], strerror(errno), NOT_FOUND));
}

/* Waits for the program's end, at most so long; -1: as long as it takes, or until the pipes are hung up. True: it
 * has ended, with *status. */
static bool await(pid_t child, int in, int out, int patience_ms, const sigset_t *signals,
                  int *status)
{
  struct timespec now, until;
  (void)clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += (long)(patience_ms % 1000) * 1000000;
  for (;;) {
    if (waitpid(child, status, WNOHANG) == child) return true;
    /* Without events: only that the other end is gone. */
    struct pollfd ends[2] = {{.fd = in}, {.fd = out}};
    const struct timespec *timeout = NULL;
    if (patience_ms >= 0) {
      (void)clock_gettime(CLOCK_MONOTONIC, &now);
      int64_t left =
          (int64_t)(until.tv_sec - now.tv_sec) * 1000000000 + until.tv_nsec - now.tv_nsec;
      if (left <= 0) return false;
      now = (struct timespec){.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
      timeout = &now;
    }
    int ready = ppoll(ends, patience_ms < 0 ? 2 : 0, timeout, signals);
    if (ready > 0) return false;
  }
}

/* As the program has ended, so do we. */
static int end_as(int status)
{
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  (void)signal(WTERMSIG(status), SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  (void)sigprocmask(SIG_SETMASK, &none, NULL);
  (void)kill(getpid(), WTERMSIG(status));
  return 128 + WTERMSIG(status);
}

int port_run(char **words)
{
  struct port_limits limits = {{false}, {0}};
  bool stdio = false;
  for (; *words && strcmp(*words, "--") != 0; words++) {
    if (strcmp(*words, "stdio") == 0)
      stdio = true;
    else if (port_limits_take(&limits, *words) != PORT_LIMITS_TAKEN)
      return complain("not a word for run: ", *words, BAD_USE);
  }
  if (!*words || !words[1])
    return complain("which program? run [stdio] [rlimit_…] -- PROGRAM", "", BAD_USE);
  int in = stdio ? STDIN_FILENO : 3, out = stdio ? STDOUT_FILENO : 4;
  if (fcntl(in, F_GETFD) < 0 || fcntl(out, F_GETFD) < 0)
    return complain("the file descriptors of the protocol are not open", "", BAD_USE);
  const char *why = port_limits_set(&limits);
  if (why) return complain("the limit can't be set: ", why, BAD_USE);

  struct sigaction notice = {.sa_handler = on_child};
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGCHLD);
  (void)sigprocmask(SIG_BLOCK, &blocked, &before);
  (void)sigaction(SIGCHLD, &notice, NULL);
  pid_t leash = getpid(), child = fork();
  if (child < 0) return complain("no process: ", strerror(errno), 71);
  if (child == 0) be_program(words + 1, stdio, leash, &before);
  (void)setpgid(child, child);
  (void)prctl(PR_SET_NAME, "rubeam_run");
  int status = 0;
  if (!await(child, in, out, -1, &before, &status) &&
      !await(child, in, out, PATIENCE_MS, &before, &status)) {
    (void)kill(-child, SIGKILL);
    (void)waitpid(child, &status, 0);
  }
  (void)kill(-child, SIGKILL); /* what it has started */
  return end_as(status);
}
