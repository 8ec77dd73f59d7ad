/*
 * What origin, pump and load share; see tool.h.
 */
#define _GNU_SOURCE 1
#include "tool.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LISTEN_BACKLOG 4096 /* what the kernel allows at most unless net.core.somaxconn says more */

void
tool_die(const char *format, ...)
{
	int saved_errno = errno;
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	if (saved_errno != 0)
		fprintf(stderr, ": %s", strerror(saved_errno));
	fputc('\n', stderr);
	exit(2);
}

/* How far to shift for a suffix; -1 for one that nobody knows. */
static int
suffix_shift(const char *suffix)
{
	static const char *const known[] = { "", "k", "m", "g" };

	for (int i = 0; i < 4; i++) {
		if (strcmp(suffix, known[i]) == 0)
			return i * 10;
	}
	return -1;
}

uint64_t
tool_number(const char *option, const char *text)
{
	char *end;
	uint64_t value;
	int shift;

	errno = 0;
	value = strtoull(text, &end, 10);
	shift = suffix_shift(end);
	if (errno != 0 || end == text || *text == '-' || shift < 0 || value > UINT64_MAX >> shift) {
		errno = 0;
		tool_die("--%s: \"%s\" is not a count such as 500, 64k, 10m or 1g", option, text);
	}
	return value << shift;
}

struct sockaddr_in
tool_addr(const char *text)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	const char *colon = strrchr(text, ':');
	char host[INET_ADDRSTRLEN];
	char *end = NULL;
	unsigned long port = 0;

	errno = 0;
	if (colon != NULL && (size_t)(colon - text) < sizeof(host)) {
		memcpy(host, text, (size_t)(colon - text));
		host[colon - text] = '\0';
		port = strtoul(colon + 1, &end, 10);
	}
	if (end == NULL || end == colon + 1 || *end != '\0' || port > UINT16_MAX ||
	    inet_pton(AF_INET, host, &addr.sin_addr) != 1)
		tool_die("\"%s\" is not an address such as 127.0.0.1:8000", text);
	addr.sin_port = htons((uint16_t)port);
	return addr;
}

int
tool_listen(const struct sockaddr_in *addr)
{
	struct sockaddr_in bound = { 0 };
	socklen_t bound_len = sizeof(bound);
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) != 0 ||
	    listen(fd, LISTEN_BACKLOG) != 0 ||
	    getsockname(fd, (struct sockaddr *)&bound, &bound_len) != 0)
		tool_die("listen");
	if (printf("port %u\n", ntohs(bound.sin_port)) < 0 || fflush(stdout) != 0)
		tool_die("stdout");
	return fd;
}

int
tool_connect(const struct sockaddr_in *addr)
{
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int saved_errno;

	if (fd < 0)
		return -1;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
	    (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 ||
	     errno == EINPROGRESS))
		return fd;
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	return -1;
}

void
tool_watch(int epoll_fd, int fd, void *owner)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = owner,
	};

	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
		tool_die("epoll_ctl");
}

int
tool_epoll(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);

	if (fd < 0)
		tool_die("epoll_create1");
	return fd;
}

uint64_t
tool_now_ns(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
		tool_die("clock_gettime");
	return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}
