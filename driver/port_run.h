/* rubeam_port run [stdio] [rlimit_…] -- PROGRAM ARGUMENT…: runs another program, and sees to its end.
 *
 * The program has the file descriptors of the protocol. It gets limits of the system, no standard input (but for
 * stdio), and a process group. When nobody holds the other end of the protocol's pipes any more, it has half a second
 * to end by itself; then it is killed, and whatever it has started with it. So a program that hears of nothing (Ruby
 * inside of a C function) does not outlive who asked. Exits as the program has exited; dies of the signal that it
 * died of.
 *
 * One thread.
 */
#ifndef RUBEAM_PORT_RUN_H
#define RUBEAM_PORT_RUN_H

/* `words` after "run", up to NULL. Returns the status to exit with. */
int port_run(char **words);

#endif
