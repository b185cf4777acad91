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
#define NO_MEANS  71  /* EX_OSERR */
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

struct leash {
  char **program; /* up to NULL */
  bool stdio;
  struct port_limits limits;
  int in, out;
  pid_t self, child;
  pid_t guard;      /* 0: none could be had */
  int life;         /* open for writing as long as the leash lives */
  sigset_t signals; /* blocked before */
};

_Noreturn static void be_program(const struct leash *leash)
{
  (void)setpgid(0, 0);
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != leash->self) _exit(0);
  if (!leash->stdio) {
    int nothing = open("/dev/null", O_RDWR);
    if (nothing < 0) _exit(complain("/dev/null: ", strerror(errno), NO_MEANS));
    if (nothing != STDIN_FILENO) {
      (void)dup2(nothing, STDIN_FILENO);
      (void)close(nothing);
    }
  }
  const char *why = port_limits_set(&leash->limits);
  if (why) _exit(complain("the limit can't be set: ", why, BAD_USE));
  (void)signal(SIGCHLD, SIG_DFL);
  (void)signal(SIGPIPE, SIG_DFL);
  (void)signal(SIGXFSZ, SIG_DFL);
  (void)sigprocmask(SIG_SETMASK, &leash->signals, NULL);
  (void)execvp(leash->program[0], leash->program);
  char because[128];
  (void)snprintf(because, sizeof because, ": %s", strerror(errno));
  _exit(complain(leash->program[0], because, NOT_FOUND));
}

/* The system kills the program when the leash is killed, but not what the program has started. This process
 * does: it sees the leash's end of a pipe close. */
_Noreturn static void be_guard(const struct leash *leash, int life)
{
  char byte;
  (void)setpgid(0, 0); /* who ends all of the leash's group does not mean this one */
  (void)prctl(PR_SET_NAME, "rubeam_guard");
  while (read(life, &byte, 1) < 0 && errno == EINTR) {
  }
  (void)kill(-leash->child, SIGKILL);
  _exit(0);
}

static void start_guard(struct leash *leash)
{
  int ends[2];
  leash->guard = 0;
  if (pipe2(ends, O_CLOEXEC)) return;
  leash->life = ends[1];
  leash->guard = fork();
  if (leash->guard == 0) {
    (void)close(ends[1]);
    be_guard(leash, ends[0]);
  }
  if (leash->guard < 0) leash->guard = 0;
  (void)close(ends[0]);
}

/* Before the program's number can be another one's. */
static void end_guard(const struct leash *leash)
{
  if (leash->guard == 0) return;
  (void)kill(leash->guard, SIGKILL);
  (void)waitpid(leash->guard, NULL, 0);
}

/* It is not waited for yet: its number, and its group's, remain its own. */
static bool has_ended(pid_t child)
{
  siginfo_t info = {.si_pid = 0};
  int status = waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT);
  return status == 0 ? info.si_pid == child : errno != EINTR;
}

/* Waits for the program's end, at most so long; -1: as long as it takes, or until the pipes are hung up. True: it
 * has ended. */
static bool await(const struct leash *leash, int patience_ms)
{
  struct timespec now, until;
  sigset_t signals = leash->signals;
  sigdelset(&signals, SIGCHLD);
  (void)clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += (long)(patience_ms % 1000) * 1000000;
  for (;;) {
    if (has_ended(leash->child)) return true;
    /* Without events: only that the other end is gone. */
    struct pollfd ends[2] = {{.fd = leash->in}, {.fd = leash->out}};
    const struct timespec *timeout = NULL;
    if (patience_ms >= 0) {
      (void)clock_gettime(CLOCK_MONOTONIC, &now);
      int64_t left =
          (int64_t)(until.tv_sec - now.tv_sec) * 1000000000 + until.tv_nsec - now.tv_nsec;
      if (left <= 0) return false;
      now = (struct timespec){.tv_sec = left / 1000000000, .tv_nsec = left % 1000000000};
      timeout = &now;
    }
    int ready = ppoll(ends, patience_ms < 0 ? 2 : 0, timeout, &signals);
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

/* The word that is none of ours, or NULL. */
static const char *read_words(char **words, struct leash *leash)
{
  for (; *words && strcmp(*words, "--") != 0; words++) {
    if (strcmp(*words, "stdio") == 0)
      leash->stdio = true;
    else if (port_limits_take(&leash->limits, *words) != PORT_LIMITS_TAKEN)
      return *words;
  }
  leash->program = *words ? words + 1 : words;
  return NULL;
}

int port_run(char **words)
{
  static const struct port_limits no_core; /* ends as the program does, but leaves none */
  struct leash leash = {.self = getpid()};
  const char *bad = read_words(words, &leash);
  if (bad) return complain("not a word for run: ", bad, BAD_USE);
  if (!leash.program[0])
    return complain("which program? run [stdio] [rlimit_…] -- PROGRAM", "", BAD_USE);
  leash.in = leash.stdio ? STDIN_FILENO : 3;
  leash.out = leash.stdio ? STDOUT_FILENO : 4;
  if (fcntl(leash.in, F_GETFD) < 0 || fcntl(leash.out, F_GETFD) < 0)
    return complain("the file descriptors of the protocol are not open", "", BAD_USE);
  (void)port_limits_set(&no_core);

  struct sigaction notice = {.sa_handler = on_child};
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGCHLD);
  (void)sigprocmask(SIG_BLOCK, &blocked, &leash.signals);
  (void)sigaction(SIGCHLD, &notice, NULL);
  leash.child = fork();
  if (leash.child < 0) return complain("no process: ", strerror(errno), NO_MEANS);
  if (leash.child == 0) be_program(&leash);
  (void)setpgid(leash.child, leash.child);
  (void)prctl(PR_SET_NAME, "rubeam_run");
  start_guard(&leash);
  if (!await(&leash, -1)) (void)await(&leash, PATIENCE_MS);
  (void)kill(-leash.child, SIGKILL); /* and what it has started */
  (void)kill(leash.child, SIGKILL);  /* in whichever group it is by now */
  end_guard(&leash);
  int status = 0;
  (void)waitpid(leash.child, &status, 0);
  return end_as(status);
}
