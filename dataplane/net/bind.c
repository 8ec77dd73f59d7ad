/*
 * Listening sockets: proving an address, opening, sharing, closing.
 *
 * Control thread, but for what bind.h says is a worker's.
 */
#include "config.h"
#include "net/bind.h"
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/list.h"
#include "core/log.h"
#include "core/obj.h"

struct bind {
	unsigned		magic;
#define BIND_MAGIC		0xb14d5ad3
	struct list		node;		/* in `binds` */
	uint64_t		serial;
	_Atomic uint32_t	holders;
	uint32_t		users;		/* of the holders */
	struct bind_conf	conf;		/* as configured: the port may be 0 */
	struct addr		address;	/* as bound */
	dev_t			dev;		/* the Unix socket's file, to know it again */
	ino_t			ino;		/* 0: there is none of ours */
	mode_t			mode_unset;	/* what the umask made of its permissions */
	_Atomic bool		is_ending;	/* control sets it, once */
	pthread_mutex_t		closing;	/* `done`; no fd closes while another thread names it */
	uint32_t		listening;	/* workers that are not done */
	uint32_t		workers;
	struct bind_socket {
		int	fd;		/* -1: closed; a Unix socket's is the first one's */
		bool	is_done;	/* bind_close_on() was called */
	} sockets[];			/* one a worker */
};

/* All that are not freed. Control. */
static struct list binds = { &binds, &binds };
static uint64_t bind_serials;		/* the last that was given */

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

	b->sockets[worker].fd = fd;
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
	for (uint32_t i = 0; i < b->workers && result == ERR_OK; i++)
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
	int fd = b->sockets[0].fd = bind_socket(at, false);

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
	const uint32_t sockets = workers == 0 ? 1 : workers;
	struct bind *b = obj_new(sizeof(*b) + sockets * sizeof(b->sockets[0]), BIND_MAGIC);
	enum err result;

	if (b == NULL)
		return ERR_NOMEM;
	list_append(&binds, &b->node);
	atomic_init(&b->holders, 1);
	b->users = 1;
	b->serial = ++bind_serials;
	b->conf = *conf;
	b->conf.proxy_from = NULL;	/* the frontend's, and what it means may change */
	b->address = conf->address;
	b->workers = b->listening = sockets;
	pthread_mutex_init(&b->closing, NULL);
	for (uint32_t i = 0; i < sockets; i++)
		b->sockets[i].fd = -1;
	result = bind_open_kind(b, diag);
	if (result != ERR_OK)
		bind_release(&b);
	else
		*bp = b;
	return result;
}

void
bind_keep(struct bind *b)
{
	/* relaxed: who takes it away knows by mail that it was taken */
	atomic_fetch_add_explicit(&b->holders, 1, memory_order_relaxed);
}

void
bind_hold(struct bind *b)
{
	assert(b->users > 0);
	b->users++;
	bind_keep(b);
}

/* Has nobody put another file in its place? */
static bool
bind_has_its_file(const struct bind *b)
{
	struct stat st;

	return b->ino != 0 && lstat(b->conf.address.un.sun_path, &st) == 0 && st.st_dev == b->dev &&
	       st.st_ino == b->ino;
}

/* Before anybody stops to accept, so that nobody comes into a queue that was found empty. */
static void
bind_end(struct bind *b)
{
	atomic_store_explicit(&b->is_ending, true, memory_order_relaxed);
	if (bind_has_its_file(b))
		(void)unlink(b->conf.address.un.sun_path);
	b->ino = 0;	/* with the last socket its number can be another's */
	if (addr_is_unix(&b->conf.address))
		(void)bind_refuse_new(b, 0);
}

void
bind_leave(struct bind *b)
{
	assert(b->users > 0);
	if (--b->users == 0)
		bind_end(b);
}

void
bind_release_left(struct bind **bp)
{
	struct bind *b = *bp;

	*bp = NULL;
	if (b == NULL || atomic_fetch_sub_explicit(&b->holders, 1, memory_order_relaxed) > 1)
		return;
	for (uint32_t i = 0; i < b->workers; i++) {
		if (b->sockets[i].fd >= 0)
			close(b->sockets[i].fd);
	}
	list_remove(&b->node);
	pthread_mutex_destroy(&b->closing);
	obj_free(b);
}

void
bind_release(struct bind **bp)
{
	if (*bp != NULL)
		bind_leave(*bp);
	bind_release_left(bp);
}

bool
bind_is_ending(const struct bind *b)
{
	return atomic_load_explicit(&b->is_ending, memory_order_relaxed);
}

void
bind_cut_off(struct bind *b)
{
	char text[ADDR_TEXT_BYTES];
	uint32_t open = 0;

	pthread_mutex_lock(&b->closing);
	for (uint32_t i = 0; i < b->workers; i++) {
		if (b->sockets[i].fd < 0)
			continue;
		(void)shutdown(b->sockets[i].fd, SHUT_RDWR);
		open++;
	}
	pthread_mutex_unlock(&b->closing);
	if (open > 0)
		log_msg(LOG_LEVEL_WARNING, "%s: a worker has not closed it in time: cut off",
			addr_format(&b->address, text));
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

bool
bind_is_ours(const struct bind_conf *conf)
{
	list_foreach(node, &binds) {
		if (bind_overlaps(container_of(node, struct bind, node), conf))
			return true;
	}
	return false;
}

static struct bind *
bind_at(const struct bind_conf *conf, bool is_ending)
{
	list_foreach(node, &binds) {
		struct bind *b = container_of(node, struct bind, node);

		if (bind_is_ending(b) == is_ending && bind_matches(b, conf))
			return b;
	}
	return NULL;
}

struct bind *
bind_find(const struct bind_conf *conf)
{
	return bind_at(conf, false);
}

bool
bind_is_closing(const struct bind_conf *conf)
{
	return bind_at(conf, true) != NULL;
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

static bool
bind_has_one_socket(const struct bind *b)
{
	return addr_is_unix(&b->conf.address);
}

uint64_t
bind_serial(const struct bind *b)
{
	return b->serial;
}

int
bind_fd(const struct bind *b, uint32_t worker)
{
	return b->sockets[bind_has_one_socket(b) ? 0 : worker].fd;
}

#define TCP_FLAGS_OFFSET 13	/* RFC 9293, 3.1 */
#define TCP_FLAG_SYN	 0x02

/* A filter sees a packet from its TCP header on; what comes from a handshake inherits it. */
static bool
bind_drop_syns(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TCP_FLAGS_OFFSET),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, TCP_FLAG_SYN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0;
}

bool
bind_refuse_new(struct bind *b, uint32_t worker)
{
	bool done = true;
	int fd;

	pthread_mutex_lock(&b->closing);
	fd = bind_fd(b, worker);
	/* a Unix socket that is shut down gives out its queue, a TCP one would reset it */
	if (fd >= 0)
		done = bind_has_one_socket(b) ? shutdown(fd, SHUT_RD) == 0 : bind_drop_syns(fd);
	pthread_mutex_unlock(&b->closing);
	return done;
}

/* The socket that nobody needs any more now that `worker` is done. */
static struct bind_socket *
bind_socket_over(struct bind *b, uint32_t worker)
{
	if (b->sockets[worker].is_done)
		return NULL;
	b->sockets[worker].is_done = true;
	b->listening--;
	if (!bind_has_one_socket(b))
		return &b->sockets[worker];
	return b->listening == 0 ? &b->sockets[0] : NULL;
}

void
bind_close_on(struct bind *b, uint32_t worker)
{
	struct bind_socket *over;

	pthread_mutex_lock(&b->closing);
	over = bind_socket_over(b, worker);
	if (over != NULL) {
		close(over->fd);
		over->fd = -1;
	}
	pthread_mutex_unlock(&b->closing);
}

const struct addr *
bind_address(const struct bind *b)
{
	return &b->address;
}
