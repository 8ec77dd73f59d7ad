/*
 * Closing softly: after an answer to a request that was not read to its end.
 *
 * Closing a socket with unread bytes sends RST, and that may destroy the answer on its way to a
 * client that is still sending. So a copy of the descriptor stays for a moment and drops what comes.
 * Control thread only.
 */
#include "config.h"
#include "adminapi/http/http_priv.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_MS	 2000			/* as nginx's lingering_timeout is 5 s; local clients are quick */
#define LINGER_BYTES_MAX (8 * 1024 * 1024)
#define LINGERS_MAX	 64			/* beyond: closed at once */

struct linger_socket {
	unsigned		 magic;
	struct http_server	*http;		/* borrowed: it ends its lingers */
	int			 fd;
	struct event		*event;
	struct wheel_timer	 timer;
	struct list		 node;
	size_t			 bytes;
};

static void
linger_end(struct linger_socket *l)
{
	wheel_cancel(&l->timer);
	list_remove(&l->node);
	l->http->linger_count--;
	if (l->event != NULL)
		event_free(l->event);
	close(l->fd);
	obj_free(l);
}

static void
linger_on_timer(struct wheel_timer *timer)
{
	linger_end(obj_cast(container_of(timer, struct linger_socket, timer), LINGER_MAGIC));
}

static void
linger_on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct linger_socket *l = obj_cast(arg, LINGER_MAGIC);
	static char scrap[64 * 1024];
	ssize_t got;

	loop_mark(loop_self());
	got = recv(fd, scrap, sizeof(scrap), MSG_DONTWAIT);
	if (got > 0)
		l->bytes += (size_t)got;
	else if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0 || l->bytes > LINGER_BYTES_MAX)
		linger_end(l);
}

void
linger_start(struct http_server *http, int fd)
{
	struct linger_socket *l;

	shutdown(fd, SHUT_WR);
	if (http->stopping || http->linger_count >= LINGERS_MAX)
		return;
	l = obj_new(sizeof(*l), LINGER_MAGIC);
	if (l == NULL)
		return;
	l->http = http;
	l->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (l->fd < 0) {
		obj_free(l);
		return;
	}
	wheel_timer_init(&l->timer, linger_on_timer);
	list_init(&l->node);
	list_append(&http->lingers, &l->node);
	http->linger_count++;
	l->event = event_new(http->loop->base, l->fd, EV_READ | EV_PERSIST, linger_on_readable, l);
	if (l->event == NULL || event_add(l->event, NULL) != 0) {
		linger_end(l);
		return;
	}
	wheel_set(&http->loop->wheel, &l->timer, http->loop->now_ms + LINGER_MS);
}

void
linger_end_all(struct http_server *http)
{
	while (!list_is_empty(&http->lingers))
		linger_end(container_of(http->lingers.next, struct linger_socket, node));
}
