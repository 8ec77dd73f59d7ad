/*
 * Listeners of the admin server: TCP and Unix sockets of ours, one descriptor each.
 *
 * Opening does all that can fail; starting only watches. What is accepted goes to connection.c.
 * Control thread only.
 */
#include "config.h"
#include "adminapi/http/http_priv.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "core/log.h"

#define LISTEN_BACKLOG	   128
#define ACCEPTS_A_TURN	   32
#define ACCEPT_PAUSE_MS	   100	/* when descriptors or memory ran out */
#define UNIX_MODE_DEFAULT  0600

struct http_listener {
	unsigned		 magic;
	struct http_server	*http;		/* borrowed; NULL until started and after the server ended */
	int			 fd;
	struct addr		 addr;		/* with the real port */
	struct event		*event;
	struct wheel_timer	 pause;
	struct list		 node;
	mode_t			 mode;		/* as it was asked for */
	bool			 is_file;	/* a Unix socket with a path: */
	dev_t			 file_dev;	/* remove it only while it is still ours */
	ino_t			 file_ino;
};

/* Nobody answers at the path: what lies there is left from a process that died. */
static enum err
path_clear(const struct addr *addr, struct diag *diag)
{
	const char *path = addr->un.sun_path;
	struct stat st;
	int fd, connected, saved;

	if (lstat(path, &st) != 0)
		return ERR_OK;	/* if that is no good, bind says why */
	if (!S_ISSOCK(st.st_mode)) {
		diag_set(diag, "unix:%s: there is a file that is no socket", path);
		return ERR_EXISTS;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		diag_errno(diag, "unix:%s: socket", path);
		return ERR_SYSTEM;
	}
	connected = connect(fd, &addr->sa, addr->len);
	saved = errno;
	close(fd);
	if (connected == 0 || saved != ECONNREFUSED) {
		diag_set(diag, "unix:%s: another program listens there", path);
		return ERR_EXISTS;
	}
	if (unlink(path) != 0 && errno != ENOENT) {
		diag_errno(diag, "unix:%s: remove the stale socket", path);
		return ERR_SYSTEM;
	}
	return ERR_OK;
}

/* The file is never wider open than `mode`: bind takes the mode that the descriptor has. */
static enum err
http_listener_bind_unix(struct http_listener *l, mode_t mode, struct diag *diag)
{
	const char *path = l->addr.un.sun_path;
	enum err err;
	struct stat st;

	if (path[0] == '\0') {		/* abstract: no file */
		if (bind(l->fd, &l->addr.sa, l->addr.len) == 0)
			return ERR_OK;
		diag_errno(diag, "unix:@%s: bind", path + 1);
		return errno == EADDRINUSE ? ERR_EXISTS : ERR_SYSTEM;
	}
	err = path_clear(&l->addr, diag);
	if (err != ERR_OK)
		return err;
	mode = mode == 0 ? UNIX_MODE_DEFAULT : mode & 0777;
	if (fchmod(l->fd, mode) != 0 || bind(l->fd, &l->addr.sa, l->addr.len) != 0) {
		diag_errno(diag, "unix:%s: bind", path);
		return errno == EADDRINUSE ? ERR_EXISTS : ERR_SYSTEM;
	}
	l->is_file = true;
	if (lstat(path, &st) == 0) {
		l->file_dev = st.st_dev;
		l->file_ino = st.st_ino;
	}
	if (chmod(path, mode) != 0) {	/* what the umask took away */
		diag_errno(diag, "unix:%s: chmod", path);
		return ERR_SYSTEM;
	}
	return ERR_OK;
}

static enum err
http_listener_bind_ip(struct http_listener *l, struct diag *diag)
{
	char text[ADDR_TEXT_BYTES];
	int on = 1;

	if (setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    (l->addr.sa.sa_family == AF_INET6 &&
	     setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) ||
	    bind(l->fd, &l->addr.sa, l->addr.len) != 0) {
		enum err err = errno == EADDRINUSE ? ERR_EXISTS : ERR_SYSTEM;

		diag_errno(diag, "bind %s", addr_format(&l->addr, text));
		return err;
	}
	return ERR_OK;
}

static enum err
http_listener_listen(struct http_listener *l, struct diag *diag)
{
	char text[ADDR_TEXT_BYTES];

	if (listen(l->fd, LISTEN_BACKLOG) != 0) {
		enum err err = errno == EADDRINUSE ? ERR_EXISTS : ERR_SYSTEM;

		diag_errno(diag, "listen on %s", addr_format(&l->addr, text));
		return err;
	}
	if (addr_is_unix(&l->addr))
		return ERR_OK;
	if (addr_of_socket(&l->addr, l->fd) != ERR_OK) {
		diag_errno(diag, "getsockname");
		return ERR_SYSTEM;
	}
	return ERR_OK;
}

/* True: there may be more. */
static bool
http_listener_accept(struct http_listener *l)
{
	struct addr peer = { .len = sizeof(struct sockaddr_un) };
	int fd = accept4(l->fd, &peer.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		connection_open(l->http, fd, &peer);
		return true;
	}
	if (errno == EINTR || errno == ECONNABORTED)
		return true;
	if (errno != EAGAIN && l->event != NULL) {
		event_del(l->event);
		wheel_set(&l->http->loop->wheel, &l->pause,
			  l->http->loop->now_ms + ACCEPT_PAUSE_MS);
	}
	return false;
}

static void
http_listener_on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct http_listener *l = obj_cast(arg, HTTP_LISTENER_MAGIC);

	loop_mark(loop_self());		/* deadlines begin now, not when the loop last had work */
	for (int i = 0; i < ACCEPTS_A_TURN && http_listener_accept(l); i++)
		;
}

static void
http_listener_watch(struct http_listener *l)
{
	char text[ADDR_TEXT_BYTES];

	if (event_add(l->event, NULL) != 0)
		log_msg(LOG_LEVEL_ERROR, "admin: %s: cannot be watched, no memory",
			addr_format(&l->addr, text));
}

static void
http_listener_on_pause_over(struct wheel_timer *timer)
{
	http_listener_watch(
		obj_cast(container_of(timer, struct http_listener, pause), HTTP_LISTENER_MAGIC));
}

enum err
http_listener_open(struct http_listener **lp, const struct addr *addr, mode_t mode,
		   struct diag *diag)
{
	struct http_listener *l = obj_new(sizeof(*l), HTTP_LISTENER_MAGIC);
	enum err err;

	if (l == NULL) {
		diag_set(diag, "admin listener: no memory");
		return ERR_NOMEM;
	}
	list_init(&l->node);
	wheel_timer_init(&l->pause, http_listener_on_pause_over);
	l->addr = *addr;
	l->mode = mode;
	l->event = malloc(event_get_struct_event_size());
	l->fd = socket(addr->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->event == NULL || l->fd < 0) {
		err = l->event == NULL ? ERR_NOMEM : ERR_SYSTEM;
		diag_errno(diag, "admin listener");
	} else {
		err = addr_is_unix(addr) ? http_listener_bind_unix(l, mode, diag)
					 : http_listener_bind_ip(l, diag);
		if (err == ERR_OK)
			err = http_listener_listen(l, diag);
	}
	if (err == ERR_OK)
		*lp = l;
	else
		http_listener_close(&l);
	return err;
}

void
http_listener_start(struct http_server *http, struct http_listener *l)
{
	l->http = http;
	list_append(&http->listeners, &l->node);
	event_assign(l->event, http->loop->base, l->fd, EV_READ | EV_PERSIST,
		     http_listener_on_readable, l);
	http_listener_watch(l);
}

void
http_listener_detach(struct list *node)
{
	struct http_listener *l =
		obj_cast(container_of(node, struct http_listener, node), HTTP_LISTENER_MAGIC);

	list_remove(node);
	wheel_cancel(&l->pause);
	event_del(l->event);
	l->http = NULL;
}

/* Has nobody put another file in its place? */
static bool
http_listener_has_its_file(const struct http_listener *l)
{
	struct stat st;

	return l->is_file && lstat(l->addr.un.sun_path, &st) == 0 && st.st_dev == l->file_dev &&
	       st.st_ino == l->file_ino;
}

void
http_listener_set_mode(struct http_listener *l, mode_t mode)
{
	if (l->mode == mode || !http_listener_has_its_file(l))
		return;
	l->mode = mode;
	if (chmod(l->addr.un.sun_path, mode == 0 ? UNIX_MODE_DEFAULT : mode & 0777) != 0)
		log_msg(LOG_LEVEL_ERROR, "admin: unix:%s: chmod: %s", l->addr.un.sun_path,
			strerror(errno));
}

void
http_listener_close(struct http_listener **lp)
{
	struct http_listener *l = *lp;

	if (l == NULL)
		return;
	*lp = NULL;
	if (http_listener_has_its_file(l))
		unlink(l->addr.un.sun_path);	/* first: who comes now is told that nobody is here */
	if (l->http != NULL) {
		for (int i = 0; i < LISTEN_BACKLOG && http_listener_accept(l); i++)
			;
		http_listener_detach(&l->node);
	}
	if (l->fd >= 0)
		close(l->fd);
	free(l->event);
	obj_free(l);
}

const struct addr *
http_listener_address(const struct http_listener *listener)
{
	return &listener->addr;
}
