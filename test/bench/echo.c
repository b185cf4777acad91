/* An external program on a {packet, 4} port that sends back each frame as it came: the limit of
 * what any such program can reach. Started by bench_ways.erl; ends when its standard input does. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static uint8_t frame[4 + (2 << 20)];

/* False: the input has ended. */
static int read_all(uint8_t *into, size_t length)
{
  while (length > 0) {
    ssize_t got = read(STDIN_FILENO, into, length);
    if (got <= 0) return 0;
    into += got;
    length -= (size_t)got;
  }
  return 1;
}

static int write_all(const uint8_t *from, size_t length)
{
  while (length > 0) {
    ssize_t put = write(STDOUT_FILENO, from, length);
    if (put <= 0) return 0;
    from += put;
    length -= (size_t)put;
  }
  return 1;
}

int main(void)
{
  size_t have = 0;
  for (;;) {
    /* One read mostly brings the whole frame, head and all. */
    ssize_t got = read(STDIN_FILENO, frame + have, 4 + 64 - have);
    if (got <= 0) return 0;
    have += (size_t)got;
    if (have < 4) continue;
    size_t length =
        (size_t)frame[0] << 24 | (size_t)frame[1] << 16 | (size_t)frame[2] << 8 | frame[3];
    if (length > sizeof frame - 4 || have > 4 + length) {
      fprintf(stderr, "echo: one frame at a time, of at most %zu bytes\n", sizeof frame - 4);
      return 1;
    }
    if (!read_all(frame + have, 4 + length - have) || !write_all(frame, 4 + length)) return 0;
    have = 0;
  }
}
