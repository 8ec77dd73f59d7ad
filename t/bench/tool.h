/*
 * What the bench's three tools (origin, pump, load) share: how a tool dies, reads a number, listens
 * and connects.
 *
 * The tools speak to epoll and sockets directly and link nothing of sluice, so that a mistake in
 * sluice's own loop or buffers cannot also sit in the thing it is measured with. IPv4 only: the
 * bench runs on the loopback. Each tool has one thread.
 */
#pragma once
#include <netinet/in.h>
#include <stdint.h>

/* Print "NAME: message" and, when errno is set, its text; exit 2. Set errno to 0 where it says nothing. */
_Noreturn void tool_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A count with an optional k, m or g (powers of 1024); dies, naming `option`, on anything else. */
uint64_t tool_number(const char *option, const char *text);

/* "127.0.0.1:80"; port 0 lets the kernel pick. Dies on anything else. */
struct sockaddr_in tool_addr(const char *text);

/*
 * A listening, non-blocking socket, and "port N" as the first line on stdout: whoever starts a tool
 * waits for that line. What it accepts inherits TCP_NODELAY. Dies when it cannot.
 */
int tool_listen(const struct sockaddr_in *addr);

/*
 * Start a non-blocking connect; the socket turns writable when it is through, and the first send
 * tells a failure. -1 with errno when it failed at once. The caller closes it.
 */
int tool_connect(const struct sockaddr_in *addr);

/* Register once, edge-triggered, for everything: no further epoll_ctl in the life of `fd`. Dies. */
void tool_watch(int epoll_fd, int fd, void *owner);

/* An epoll instance; dies when it cannot. */
int tool_epoll(void);

/* CLOCK_MONOTONIC in ns. */
uint64_t tool_now_ns(void);
