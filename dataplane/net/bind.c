/*
 * Listening sockets: proving an address, opening, sharing, closing.
 *
 * Control thread, but for bind_fd(), bind_set_backlog() and bind_close_on().
 */
#include "config.h"
#include "net/bind.h"
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/log.h"
#include "core/obj.h"

struct bind {
	unsigned		magic;
#define BIND_MAGIC		0xb14d5ad3
	uint32_t		holders;
	struct bind_conf	conf;		/* as configured: the port may be 0 */
	struct addr		address;	/* as bound */
	dev_t			dev;		/* the Unix socket's file, to know it again */
	ino_t			ino;
	mode_t			mode_unset;	/* what the umask made of its permissions */
	_Atomic uint32_t	listening;	/* workers that have not called bind_close_on() */
	uint32_t		count;		/* of fds: one a worker; a Unix socket has one */
	int			fds[];
};

/* Errors name the address as it was configured. */
static enum err
bind_error(const struct bind *b, struct diag *diag, const char *what)
{
	const int error = errno;
	char text[ADDR_TEXT_BYTES];

	diag_errno(diag, "%s %s", what, addr_format(&b->conf.address, text));
	return error == EADDRINUSE ? ERR_EXISTS : error == ENOMEM ? ERR_NOMEM : ERR_SYSTEM;
}

static int
bind_socket(const struct addr *addr, bool reuse_port)
{
	const int on = 1;
	int fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || addr_is_unix(addr))
		return fd;
	/* what is accepted inherits TCP_NODELAY */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
	    (!reuse_port || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0))
		return fd;
	close(fd);
	return -1;
}

static int
bind_to(int fd, const struct addr *addr)
{
	return bind(fd, &addr->sa, addr->len);
}

/* Bind a socket that shares with nobody: fails where anybody listens, we ourselves included. */
static enum err
bind_probe(const struct bind *b, struct diag *diag)
{
	const struct addr *addr = &b->conf.address;
	int fd = bind_socket(addr, false);
	enum err result = ERR_OK;

	if (fd < 0)
		return bind_error(b, diag, "socket for");
	if (bind_to(fd, addr) != 0)
		result = bind_error(b, diag, "bind");
	close(fd);
	return result;
}

static int
bind_listen(int fd, uint32_t backlog)
{
	/* the kernel cuts it to somaxconn */
	return listen(fd, backlog == 0 || backlog > INT_MAX ? INT_MAX : (int)backlog);
}

static enum err
bind_open_one(struct bind *b, uint32_t worker, struct diag *diag)
{
	int fd = bind_socket(&b->address, true);

	b->fds[worker] = fd;
	if (fd < 0)
		return bind_error(b, diag, "socket for");
	if (bind_to(fd, &b->address) != 0)
		return bind_error(b, diag, "bind");
	if (bind_listen(fd, b->conf.backlog) != 0)
		return bind_error(b, diag, "listen on");
	/* port 0: the first one's port is the others' too */
	if (worker == 0 && addr_of_socket(&b->address, fd) != ERR_OK)
		return bind_error(b, diag, "address of");
	return ERR_OK;
}

static enum err
bind_open_tcp(struct bind *b, struct diag *diag)
{
	enum err result = ERR_OK;

	/* where a part of it is ours already, the probe would find ourselves */
	if (addr_port(&b->conf.address) != 0 && !b->conf.is_shared)
		result = bind_probe(b, diag);
	for (uint32_t i = 0; i < b->count && result == ERR_OK; i++)
		result = bind_open_one(b, i, diag);
	return result;
}

static bool
bind_is_file(const struct bind *b)
{
	return addr_is_unix(&b->conf.address) && b->conf.address.un.sun_path[0] != '\0';
}

/* Something accepts at `addr`, or may (its backlog is full). */
static bool
bind_is_alive(const struct addr *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool alive;

	if (fd < 0)
		return true;	/* not known: leave it alone */
	alive = connect(fd, &addr->sa, addr->len) == 0 || errno == EAGAIN || errno == EPERM ||
		errno == EACCES;
	close(fd);
	return alive;
}

/* May the path be taken? A dead socket may be replaced, anything else not. */
static enum err
bind_prove_path(const struct bind *b, struct diag *diag)
{
	const char *path = b->conf.address.un.sun_path;
	struct stat st;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? ERR_OK : bind_error(b, diag, "stat");
	if (S_ISSOCK(st.st_mode) && !bind_is_alive(&b->conf.address))
		return ERR_OK;
	errno = EADDRINUSE;
	return bind_error(b, diag, S_ISSOCK(st.st_mode) ? "bind" : "bind (no socket is)");
}

/* A name beside the path that fits: the last bytes make room for ours where it is too long. */
static void
bind_temporary(const struct addr *addr, struct addr *temporary)
{
	const size_t room = sizeof(addr->un.sun_path);
	size_t keep = strlen(addr->un.sun_path);
	char tail[24];
	size_t tail_len = (size_t)snprintf(tail, sizeof(tail), ".%d~", (int)getpid());

	if (keep + tail_len >= room)
		keep = room - tail_len - 1;
	*temporary = *addr;
	memcpy(temporary->un.sun_path + keep, tail, tail_len + 1);
	temporary->len = (socklen_t)sizeof(temporary->un);
}

static bool
bind_permit(struct bind *b, const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return false;
	b->mode_unset = st.st_mode & 07777;
	return b->conf.mode == 0 || chmod(path, b->conf.mode) == 0;
}

static enum err
bind_listen_unix(struct bind *b, const struct addr *at, struct diag *diag)
{
	int fd = b->fds[0] = bind_socket(at, false);

	if (fd < 0)
		return bind_error(b, diag, "socket for");
	if (bind_to(fd, at) != 0)
		return bind_error(b, diag, "bind");
	if (bind_is_file(b) && !bind_permit(b, at->un.sun_path))
		return bind_error(b, diag, "chmod");
	if (bind_listen(fd, b->conf.backlog) != 0)
		return bind_error(b, diag, "listen on");
	return ERR_OK;
}

/* Remember the file, so that only our own is unlinked at the end, and give it its name. */
static enum err
bind_name_unix(struct bind *b, const char *from, struct diag *diag)
{
	struct stat st;

	if (lstat(from, &st) != 0 || rename(from, b->conf.address.un.sun_path) != 0)
		return bind_error(b, diag, "rename to");
	b->dev = st.st_dev;
	b->ino = st.st_ino;
	return ERR_OK;
}

/* The file appears under its name only when it listens: no client finds a deaf one. */
static enum err
bind_open_file(struct bind *b, struct diag *diag)
{
	enum err result = bind_prove_path(b, diag);
	struct addr temporary;

	if (result != ERR_OK)
		return result;
	bind_temporary(&b->conf.address, &temporary);
	(void)unlink(temporary.un.sun_path);
	result = bind_listen_unix(b, &temporary, diag);
	if (result == ERR_OK)
		result = bind_name_unix(b, temporary.un.sun_path, diag);
	if (result != ERR_OK)
		(void)unlink(temporary.un.sun_path);
	return result;
}

static enum err
bind_open_kind(struct bind *b, struct diag *diag)
{
	if (!addr_is_unix(&b->conf.address))
		return bind_open_tcp(b, diag);
	if (bind_is_file(b))
		return bind_open_file(b, diag);
	return bind_listen_unix(b, &b->conf.address, diag);
}

enum err
bind_open(struct bind **bp, const struct bind_conf *conf, uint32_t workers, struct diag *diag)
{
	uint32_t count = addr_is_unix(&conf->address) ? 1 : workers;
	struct bind *b = obj_new(sizeof(*b) + count * sizeof(b->fds[0]), BIND_MAGIC);
	enum err result;

	if (b == NULL)
		return ERR_NOMEM;
	b->holders = 1;
	b->conf = *conf;
	b->address = conf->address;
	b->count = count;
	atomic_init(&b->listening, workers);
	for (uint32_t i = 0; i < count; i++)
		b->fds[i] = -1;
	result = bind_open_kind(b, diag);
	if (result != ERR_OK)
		bind_release(&b);
	else
		*bp = b;
	return result;
}

void
bind_hold(struct bind *b)
{
	b->holders++;
}

/* Has nobody put another file in its place? */
static bool
bind_has_its_file(const struct bind *b)
{
	struct stat st;

	return b->ino != 0 && lstat(b->conf.address.un.sun_path, &st) == 0 && st.st_dev == b->dev &&
	       st.st_ino == b->ino;
}

void
bind_release(struct bind **bp)
{
	struct bind *b = *bp;

	*bp = NULL;
	if (b == NULL || --b->holders > 0)
		return;
	if (bind_has_its_file(b))
		(void)unlink(b->conf.address.un.sun_path);
	for (uint32_t i = 0; i < b->count; i++) {
		if (b->fds[i] >= 0)
			close(b->fds[i]);
	}
	obj_free(b);
}

bool
bind_matches(const struct bind *b, const struct bind_conf *conf)
{
	return addr_equals(&b->conf.address, &conf->address);
}

static bool
addr_is_any(const struct addr *addr)
{
	if (addr->sa.sa_family == AF_INET)
		return addr->in.sin_addr.s_addr == htonl(INADDR_ANY);
	return addr->sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&addr->in6.sin6_addr);
}

bool
bind_overlaps(const struct bind *b, const struct bind_conf *conf)
{
	const struct addr *one = &b->address, *other = &conf->address;

	if (addr_is_unix(one) || addr_is_unix(other) || addr_port(one) != addr_port(other))
		return false;
	if (one->sa.sa_family == other->sa.sa_family)
		return addr_is_any(one) || addr_is_any(other) || addr_equals(one, other);
	/* [::] takes IPv4, too */
	return addr_is_any(one->sa.sa_family == AF_INET6 ? one : other);
}

void
bind_set_mode(struct bind *b, mode_t mode)
{
	char text[ADDR_TEXT_BYTES];

	if (mode == b->conf.mode || !bind_has_its_file(b))
		return;
	b->conf.mode = mode;
	if (chmod(b->conf.address.un.sun_path, mode == 0 ? b->mode_unset : mode) != 0)
		log_msg(LOG_LEVEL_WARNING, "chmod %s: %s", addr_format(&b->conf.address, text),
			strerror(errno));
}

void
bind_set_backlog(const struct bind *b, uint32_t worker, uint32_t backlog)
{
	(void)bind_listen(bind_fd(b, worker), backlog);
}

int
bind_fd(const struct bind *b, uint32_t worker)
{
	return b->count == 1 ? b->fds[0] : b->fds[worker];
}

void
bind_close_on(struct bind *b, uint32_t worker)
{
	/* acq_rel: the last one closes after all the others have looked */
	bool last = atomic_fetch_sub_explicit(&b->listening, 1, memory_order_acq_rel) == 1;
	int *fd = b->count == 1 ? &b->fds[0] : &b->fds[worker];

	if (b->count == 1 && !last)
		return;
	close(*fd);
	*fd = -1;
}

const struct addr *
bind_address(const struct bind *b)
{
	return &b->address;
}
