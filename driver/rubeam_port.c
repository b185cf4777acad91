/* The program rubeam_port: one interpreter in an operating-system process of its own, which speaks the
 * protocol on two file descriptors. The same core as the driver's, and another transport: docs/transports.md.
 *
 * Threads: the main one reads, and is the port's own: it runs the first slice of each request. A worker runs the
 * slices after it, the watchdog watches. The keeper writes what the pipe has not taken at once, and tends.
 * Whoever does what is the port's ([port] in interpreter.h) has `port`.
 *
 * The process ends by _exit() alone, at once: at the end of input, and when the interpreter has ended and that
 * is written. There is nothing to be saved, and other threads may be in the middle of Ruby.
 */
#include "etf.h"
#include "fault.h"
#include "flow.h"
#include "interpreter.h"
#include "port_limits.h"
#include "port_out.h"
#include "port_run.h"
#include "preempt.h"
#include "stream.h"
#include "watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* What is read at once: as much as a pipe of Linux holds. */
#define READ_BYTES ((size_t)65536)

/* Of what has not been written, beyond which events are lost. */
#define EVENTS_WAIT ((size_t)64 << 20)

enum exit_status { /* docs/transports.md */
                   EXIT_END = 0,
                   EXIT_RAISED = 1,
                   EXIT_BAD_USE = 64,
                   EXIT_BROKEN = 65,
                   EXIT_MEMORY = 71,
                   EXIT_UNREAD = 74,
                   EXIT_KILLED = 81
};

struct words {
  bool stdio;  /* the protocol is on standard input and output */
  bool finish; /* at the end of input, what was asked for is done first */
  struct port_limits limits;
};

static struct program {
  pthread_mutex_t port;
  struct words words;      /* [const] */
  struct options options;  /* [const] */
  int in;                  /* [const] */
  struct port_out out;     /* [any] */
  struct pool *pool;       /* [const] */
  struct atoms *atoms;     /* [const] */
  struct interp *interp;   /* [const] */
  struct stream stream;    /* [port] */
  struct flow printed;     /* [any] what the owner has not told to have read */
  struct flow posted;      /* [any] the same of messages */
  struct flow_sum sums[2]; /* of these two: nobody else's count */
  _Atomic bool tells[2];   /* [port writes] it does tell what it has read, and passed on */
  _Atomic bool never;      /* [port writes] it reads no more of what is printed */
  struct buffer last;      /* the last frame; the keeper sends it, behind all others */
  bool ended;              /* [port] it has been sent, or nothing more will be */
  _Atomic int status;      /* to exit with, once the last frame is written */
} program = {.port = PTHREAD_MUTEX_INITIALIZER};

/* stdio's functions are turned away for mruby's sake: stdio_guard.c. */
static void say(const char *text, const char *what)
{
  char line[512];
  int length = snprintf(line, sizeof line, "rubeam_port: %s%s\n", text, what);
  size_t bytes = length < (int)sizeof line ? (size_t)length : sizeof line - 1;
  if (write(STDERR_FILENO, line, bytes) < 0) return;
}

_Noreturn static void leave(enum exit_status status, const char *text, const char *what)
{
  if (text) say(text, what);
  _exit((int)status);
}

/* --- what goes out --- */

static void send_bytes(const uint8_t *head, size_t head_length, const uint8_t *bytes, size_t length)
{
  port_out_send(&program.out, head, head_length, bytes, length);
}

static void send_frame(const uint8_t *frame, size_t length)
{
  uint8_t head[FRAME_HEAD_BYTES];
  size_t head_length;
  if (frame_head(program.options.packet, length, head, &head_length)) return; /* max_frame fits */
  send_bytes(head, head_length, frame, length);
}

static void home_to_owner(void *home, const uint8_t *frame, size_t length)
{
  (void)home;
  send_frame(frame, length);
}

/* Whoever asks for something just now is answered before. */
static void home_last(void *home, const uint8_t *frame, size_t length)
{
  (void)home;
  buffer_put(&program.last, frame, length);
}

/* There are no callers: who asks is told by its Id. */
static void home_to_caller(void *home, uintptr_t caller, const uint8_t *frame, size_t length)
{
  (void)caller;
  home_to_owner(home, frame, length);
}

static void home_answer(void *home, uintptr_t caller, struct piece id, struct piece result)
{
  (void)id;
  home_to_caller(home, caller, result.bytes, result.length);
}

static enum sent home_post(void *home, const uint8_t *frame, size_t length)
{
  static const struct flow_limit limit = {
      .most = (size_t)256 << 10, .all = SIZE_MAX, .least = SIZE_MAX};
  (void)home;
  if (atomic_load(&program.out.waiting) > limit.most) return SENT_LATER;
  if (!atomic_load(&program.tells[1])) return SENT_NEVER; /* the owner gets it all the same */
  if (flow_exceeds(&program.posted, &limit)) return SENT_LATER;
  flow_sent(&program.posted, length);
  send_frame(frame, length);
  return SENT;
}

static void home_output(void *home, const uint8_t *bytes, size_t length)
{
  (void)home;
  flow_sent(&program.printed, length);
  if (program.options.packet == PACKET_LINE)
    send_bytes(NULL, 0, bytes, length);
  else
    send_frame(bytes, length);
}

/* Behind is who does not read the pipe, and who says that it has not read what came through it. */
static enum reading home_reading(void *home)
{
  static const struct flow_limit limit = {
      .most = (size_t)1 << 20, .all = SIZE_MAX, .least = SIZE_MAX};
  (void)home;
  bool behind = atomic_load(&program.tells[0]) && flow_exceeds(&program.printed, &limit);
  if (behind && atomic_load(&program.never)) return READING_FAR_BEHIND;
  return behind || atomic_load(&program.out.waiting) > limit.most ? READING_BEHIND : READING;
}

/* Who waits for an answer reads the pipe, in which the answer is; but not all may go on to be read. */
static bool home_is_deaf(void *home, uintptr_t caller)
{
  (void)home, (void)caller;
  return atomic_load(&program.never);
}

static void home_taken(void *home, bool output, uint64_t bytes)
{
  (void)home;
  atomic_store(&program.tells[output ? 0 : 1], true);
  if (output) atomic_store(&program.never, bytes == REQUEST_TAKEN_NEVER);
  if (bytes == REQUEST_TAKEN_NEVER) return;
  flow_taken(output ? &program.printed : &program.posted,
             bytes < SIZE_MAX ? (size_t)bytes : SIZE_MAX);
}

/* {event, Event} */
static void home_event(void *home, const uint8_t *frame, size_t length)
{
  struct buffer whole;
  (void)home;
  if (atomic_load(&program.out.waiting) > EVENTS_WAIT) return;
  buffer_init(&whole, SIZE_MAX / 2);
  etf_put_version(&whole);
  etf_put_tuple(&whole, 2);
  etf_put_atom(&whole, "event", 5);
  etf_put_raw(&whole, frame + 1, length - 1);
  if (buffer_status(&whole) == STATUS_OK) send_frame(whole.bytes, whole.length);
  buffer_fini(&whole);
}

static void home_tend(void *home)
{
  (void)home;
  port_out_ask(&program.out);
}

static void home_gone(void *home) { (void)home; }

static const struct transport transport = {
    .to_owner = home_to_owner,
    .last = home_last,
    .to_caller = home_to_caller,
    .answer = home_answer,
    .post = home_post,
    .output = home_output,
    .reading = home_reading,
    .is_deaf = home_is_deaf,
    .taken = home_taken,
    .event = home_event,
    .tend = home_tend,
    .gone = home_gone,
    .name = "port",
    .from_vm = true,
};

/* --- the keeper --- */

static int status_at_end(void)
{
  static const char *const ends[] = {"killed", "memory_limit", "stack_overflow", "aborted"};
  int64_t status;
  const char *reason = interp_end(program.interp, &status);
  if (!reason) return (int)(status & 0xff);
  for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
    if (strcmp(reason, ends[i]) == 0) return EXIT_KILLED + (int)i;
  return EXIT_RAISED;
}

/* [port] Nothing more is sent after this. */
static void end(int status)
{
  if (program.ended) return;
  program.ended = true;
  atomic_store(&program.status, status);
  port_out_finish(&program.out);
}

/* [port] */
static void tend(void)
{
  if (!interp_tend(program.interp) || program.ended) return;
  if (program.last.length > 0) send_frame(program.last.bytes, program.last.length);
  end(status_at_end());
}

static void *keep(void *unused)
{
  const struct timespec linger = {.tv_sec = 1};
  (void)unused;
  for (;;) {
    switch (port_out_wait(&program.out)) {
    case PORT_OUT_ASKED:
      pthread_mutex_lock(&program.port);
      tend();
      pthread_mutex_unlock(&program.port);
      break;
    case PORT_OUT_DONE:
      /* Who writes to a program that is gone is told of that, and not what it has said last: erts then reads no more.
       * Who counts what it reads closes the pipes when it has read the last frame, which ends us. */
      if (atomic_load(&program.tells[0])) (void)nanosleep(&linger, NULL);
      _exit(atomic_load(&program.status));
    case PORT_OUT_FAILED:
      if (atomic_load(&program.out.error) == ENOMEM) leave(EXIT_MEMORY, "no memory", "");
      leave(EXIT_UNREAD, NULL, "");
    }
  }
}

/* --- the main thread --- */

/* The keeper exits when all is written. */
_Noreturn static void wait_for_keeper(void)
{
  for (;;) pause();
}

/* For a shell script, whose input ends before its programs do. */
_Noreturn static void finish(void)
{
  const struct timespec moment = {.tv_nsec = 1000000};
  for (bool busy = true; busy;) {
    pthread_mutex_lock(&program.port);
    busy = interp_is_busy(program.interp);
    tend();
    if (!busy) end(EXIT_END);
    pthread_mutex_unlock(&program.port);
    if (busy) (void)nanosleep(&moment, NULL);
  }
  wait_for_keeper();
}

/* After a read that has failed. Who has the other end of a terminal may have made it one that does not wait. */
static bool is_to_be_read_again(void)
{
  struct pollfd input = {.fd = program.in, .events = POLLIN};
  return errno == EINTR || (errno == EAGAIN && (poll(&input, 1, -1) >= 0 || errno == EINTR));
}

static void read_all(void)
{
  static uint8_t bytes[READ_BYTES];
  for (;;) {
    ssize_t length = read(program.in, bytes, sizeof bytes);
    if (length < 0 && is_to_be_read_again()) continue;
    if (length <= 0) return;
    pthread_mutex_lock(&program.port);
    bool good = stream_feed(&program.stream, bytes, (size_t)length);
    tend();
    if (!good) end(EXIT_BROKEN);
    pthread_mutex_unlock(&program.port);
    if (!good) wait_for_keeper();
  }
}

/* --- opening --- */

static bool take_word(struct words *words, const char *word)
{
  if (strcmp(word, "stdio") == 0) return words->stdio = true;
  if (strcmp(word, "finish") == 0) return words->finish = true;
  switch (port_limits_take(&words->limits, word)) {
  case PORT_LIMITS_TAKEN: return true;
  case PORT_LIMITS_BAD: leave(EXIT_BAD_USE, "not a limit: ", word);
  case PORT_LIMITS_OTHER: break;
  }
  return false;
}

/* The words that are not ours are the driver's: they are put together again for options.c. */
static void read_words(char **words, struct words *ours, struct options *options)
{
  static char *all; /* the load path stays in it */
  struct buffer text;
  const char *bad;
  buffer_init(&text, (size_t)4 << 20);
  for (; *words; words++) {
    if (take_word(ours, *words)) continue;
    if (strncmp(*words, "manager", 7) == 0 || strcmp(*words, "pool=async") == 0 ||
        strncmp(*words, "template=", 9) == 0)
      leave(EXIT_BAD_USE, "not for a program: ", *words);
    buffer_put(&text, *words, strlen(*words));
    buffer_put_byte(&text, ' ');
  }
  buffer_put_byte(&text, 0);
  if (buffer_status(&text) != STATUS_OK) leave(EXIT_BAD_USE, "the words are too long", "");
  all = strdup((const char *)text.bytes);
  buffer_fini(&text);
  if (!all) leave(EXIT_MEMORY, "no memory", "");
  if (options_parse(all, options, &bad)) {
    all[(size_t)(bad - all) + strcspn(bad, " ")] = 0;
    leave(EXIT_BAD_USE, "not an option, or out of its range: ", bad);
  }
  if (options->packet == PACKET_RAW) options->packet = PACKET_4;
  if (ours->finish && !(ours->stdio && options->packet == PACKET_LINE))
    leave(EXIT_BAD_USE, "finish is for lines: stdio packet=line finish", "");
}

/* What Ruby's C code prints by mistake must not get into the protocol. */
static void take_descriptors(const struct words *words, int *in, int *out)
{
  int nothing;
  *in = 3, *out = 4;
  if (words->stdio) {
    *in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    *out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (*in < 0 || *out < 0)
      leave(EXIT_BAD_USE, "standard input or output is not open: ", strerror(errno));
  } else if (fcntl(*in, F_GETFD) < 0 || fcntl(*out, F_GETFD) < 0) {
    leave(EXIT_BAD_USE,
          "the file descriptors 3 and 4 are not open: "
          "use open_port's nouse_stdio, or the word stdio",
          "");
  }
  /* Of 0 to 2 none stays free: what is opened next would take its place. */
  do nothing = open("/dev/null", O_RDWR);
  while (nothing >= 0 && nothing <= STDERR_FILENO);
  if (words->stdio && (dup2(nothing, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0))
    leave(EXIT_BAD_USE, "no /dev/null in place of standard input: ", strerror(errno));
  if (nothing >= 0) (void)close(nothing);
}

static void open_all(void)
{
  enum status status = atoms_open((size_t)program.options.max_atoms, &program.atoms);
  preempt_install();
  fault_install();
  if (!status) status = watchdog_start();
  if (!status) status = pool_open(POOL_THREADS, 1, interp_run, &program.pool);
  if (!status)
    status = interp_open(&program.options, &transport, &program, program.pool, program.atoms, NULL,
                         &program.interp);
  if (status) leave(EXIT_MEMORY, "no memory, address space or thread for an interpreter", "");
  struct options wider = program.options;
  if (wider.packet != PACKET_LINE) wider.max_frame += REQUEST_ENVELOPE_BYTES;
  stream_init(&program.stream, &wider, program.interp, NULL, NULL);
}

static void start_keeper(void)
{
  pthread_t keeper;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  if (pthread_create(&keeper, NULL, keep, NULL)) leave(EXIT_MEMORY, "no thread", "");
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int main(int count, char **words)
{
  int out;
  (void)signal(SIGPIPE, SIG_IGN);
  (void)signal(SIGXFSZ, SIG_IGN);
  if (count > 1 && strcmp(words[1], "run") == 0) return port_run(words + 2);
  read_words(words + 1, &program.words, &program.options);
  /* Who has started us is gone: so is who asks. (A shell may end before its background jobs.) */
  if (!program.words.stdio) (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  take_descriptors(&program.words, &program.in, &out);
  const char *why = port_limits_set(&program.words.limits);
  if (why) leave(EXIT_BAD_USE, "the limit can't be set: ", why);
  buffer_init(&program.last, SIZE_MAX / 2);
  program.printed.sum = &program.sums[0];
  program.posted.sum = &program.sums[1];
  port_out_init(&program.out, out, !program.words.stdio);
  open_all();
  start_keeper();
  read_all();
  if (program.words.finish) finish();
  leave(EXIT_END, NULL, "");
}
