/*
 * The daemon of libmicrohttpd and its place in the control loop.
 *
 * It has no thread. Its epoll descriptor is an event of our loop; each time that is readable, a
 * timeout of its own is due, or something was resumed, MHD_run() turns it once. Resuming wakes
 * nobody under external polling, so whoever resumes calls http_schedule().
 * Control thread only.
 */
#include "config.h"
#include "adminapi/http/http_priv.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/log.h"

#define LOG_LINES_A_SECOND 5	/* of the library's; a peer can cause them at will */

static const struct http_limits default_limits = {
	.headers_ms = HTTP_HEADERS_TIMEOUT_MS,
	.body_ms = HTTP_BODY_TIMEOUT_MS,
	.idle_ms = HTTP_IDLE_TIMEOUT_MS,
	.connections = HTTP_CONNECTIONS_MAX,
	.body_bytes = HTTP_BODY_MAX_BYTES,
	.bodies_bytes = HTTP_BODIES_MAX_BYTES,
};

void
http_schedule(struct http_server *http)
{
	loop_queue(http->loop, &http->run);
}

/* Turn the daemon once and find out when it wants to be turned again. */
static void
http_run(struct http_server *http)
{
	MHD_UNSIGNED_LONG_LONG wait_ms;

	MHD_run(http->daemon);
	http->closing = false;
	if (MHD_get_timeout(http->daemon, &wait_ms) != MHD_YES)
		wheel_cancel(&http->timer);
	else if (wait_ms == 0)
		http_schedule(http);
	else
		wheel_set(&http->loop->wheel, &http->timer, http->loop->now_ms + wait_ms);
}

static void
http_on_task(struct task *task)
{
	http_run(obj_cast(container_of(task, struct http_server, run), HTTP_SERVER_MAGIC));
}

static void
http_on_timer(struct wheel_timer *timer)
{
	http_run(obj_cast(container_of(timer, struct http_server, timer), HTTP_SERVER_MAGIC));
}

static void
http_on_epoll(evutil_socket_t fd, short what, void *arg)
{
	struct http_server *http = obj_cast(arg, HTTP_SERVER_MAGIC);

	loop_mark(http->loop);
	loop_note(http->loop, "the admin server");
	http_run(http);
}

bool
http_may_log(struct http_server *http)
{
	uint64_t second = http->loop->now_ms / 1000;

	if (second != http->log_second) {
		if (http->log_suppressed > 0)
			log_msg(LOG_LEVEL_INFO, "admin: %u more messages of libmicrohttpd",
				http->log_suppressed);
		http->log_second = second;
		http->log_lines = http->log_suppressed = 0;
	}
	if (http->log_lines == LOG_LINES_A_SECOND) {
		http->log_suppressed++;
		return false;
	}
	http->log_lines++;
	return true;
}

/* Of 0.9.75 about Unix sockets, which have no TCP options; three for each answer. */
static const char *const noise[] = {
	"Setting TCP_NODELAY option to ",
	"Setting TCP_CORK option to ",
	"Failed to push the data from buffers to the network.",
};

static bool
message_is_noise(const char *text)
{
	for (size_t i = 0; i < sizeof(noise) / sizeof(noise[0]); i++) {
		if (strncmp(text, noise[i], strlen(noise[i])) == 0)
			return true;
	}
	return false;
}

static void __attribute__((format(printf, 2, 0)))
http_on_message(void *arg, const char *fmt, va_list ap)
{
	struct http_server *http = arg;
	char text[512], shown[600];
	int len;

	if (http->closing)
		return;
	len = vsnprintf(text, sizeof(text), fmt, ap);
	if (len < 0 || message_is_noise(text) || !http_may_log(http))
		return;
	text[strcspn(text, "\n")] = '\0';
	log_msg(LOG_LEVEL_INFO, "admin: libmicrohttpd: %s",
		str_escape(shown, sizeof(shown), slice_of(text)));
}

/* The library would decode the path before we split it. */
static size_t
http_on_unescape(void *arg, struct MHD_Connection *mhd, char *text)
{
	return strlen(text);
}

/*
 * MHD_OPTION_STRICT_FOR_CLIENT stays at 0: at 1 it adds two checks, for a Host and against spaces in
 * the target, but 0.9.75 answers a missing Host twice. call.c and path.c make both checks.
 */
static struct MHD_Daemon *
daemon_start(struct http_server *http)
{
	/* whole seconds, and never before our own: it watches answers that nobody reads */
	unsigned idle_s = http->limits.idle_ms / 1000 + 1;

	/* clang-format off */
	return MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
		0, NULL, NULL, request_on_access, http,
		MHD_OPTION_EXTERNAL_LOGGER, http_on_message, http,	/* first, or it misses some */
		MHD_OPTION_NOTIFY_CONNECTION, connection_on_notify, http,
		MHD_OPTION_NOTIFY_COMPLETED, connection_on_completed, http,
		MHD_OPTION_URI_LOG_CALLBACK, request_on_line, http,
		MHD_OPTION_UNESCAPE_CALLBACK, http_on_unescape, NULL,
		MHD_OPTION_STRICT_FOR_CLIENT, 0,
		MHD_OPTION_CONNECTION_TIMEOUT, idle_s,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)http->limits.connections + HTTP_CONNECTIONS_SPARE,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_CONNECTION_MEMORY_BYTES,
		MHD_OPTION_END);
	/* clang-format on */
}

static enum err
http_watch(struct http_server *http)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);

	if (info == NULL)
		return ERR_SYSTEM;
	http->event = event_new(http->loop->base, info->epoll_fd, EV_READ | EV_PERSIST,
				http_on_epoll, http);
	if (http->event == NULL || event_add(http->event, NULL) != 0)
		return ERR_NOMEM;
	return ERR_OK;
}

enum err
http_server_new(struct http_server **hp, struct loop *control, void (*handle)(struct call *),
		const struct http_limits *limits, struct diag *diag)
{
	struct http_server *http = obj_new(sizeof(*http), HTTP_SERVER_MAGIC);
	enum err err;

	if (http == NULL) {
		diag_set(diag, "admin server: no memory");
		return ERR_NOMEM;
	}
	http->loop = control;
	http->handle = handle;
	http->limits = limits != NULL ? *limits : default_limits;
	list_init(&http->connections);
	list_init(&http->listeners);
	list_init(&http->lingers);
	task_init(&http->run, http_on_task);
	wheel_timer_init(&http->timer, http_on_timer);
	http->daemon = daemon_start(http);
	err = http->daemon == NULL ? ERR_SYSTEM : http_watch(http);
	if (err != ERR_OK) {
		diag_set(diag, "admin server: libmicrohttpd %s does not start", MHD_get_version());
		http_server_free(&http);
		return err;
	}
	*hp = http;
	return ERR_OK;
}

/* What is suspended must be resumed first: the library aborts the program otherwise. */
static void
http_cut_all(struct http_server *http)
{
	list_foreach(node, &http->connections) {
		struct connection *c = container_of(node, struct connection, node);
		struct request *r = c->request;

		if (r != NULL && r->state == REQUEST_SUSPENDED) {
			c->request = NULL;	/* the handler still has it: its answer will free it */
			r->connection = NULL;
			http->counts.body_bytes -= r->body_cap;
			MHD_resume_connection(c->mhd);
		}
		if (c->stream != NULL)
			http_stream_cut(c->stream);
	}
}

static void
http_release_listeners(struct http_server *http)
{
	struct list *node;

	while ((node = list_take_first(&http->listeners)) != NULL)
		http_listener_detach(node);
}

void
http_server_free(struct http_server **hp)
{
	struct http_server *http = *hp;

	if (http == NULL)
		return;
	*hp = NULL;
	http->stopping = true;
	http_release_listeners(http);
	http_cut_all(http);
	if (http->event != NULL)
		event_free(http->event);
	if (http->daemon != NULL)
		MHD_stop_daemon(http->daemon);
	assert(list_is_empty(&http->connections));
	linger_end_all(http);
	task_cancel(&http->run);
	wheel_cancel(&http->timer);
	free(http->hosts);
	obj_free(http);
}

enum err
http_server_set_hosts(struct http_server *http, const char *const *hosts, size_t count)
{
	size_t bytes = (count + 1) * sizeof(char *);
	char **copy, *text;

	for (size_t i = 0; i < count; i++)
		bytes += strlen(hosts[i]) + 1;
	copy = malloc(bytes);
	if (copy == NULL)
		return ERR_NOMEM;
	text = (char *)(copy + count + 1);
	for (size_t i = 0; i < count; i++) {
		copy[i] = text;
		text = stpcpy(text, hosts[i]) + 1;
	}
	free(http->hosts);
	http->hosts = copy;
	http->host_count = count;
	return ERR_OK;
}

static bool
connection_is_busy(const struct connection *c, bool with_silent)
{
	switch (c->phase) {
	case CONNECTION_HEADERS: return with_silent || c->request != NULL;
	case CONNECTION_BODY:
	case CONNECTION_CALL: return true;
	case CONNECTION_ANSWER: return c->stream == NULL || !http_stream_has_said_all(c->stream);
	case CONNECTION_IDLE:
	case CONNECTION_CUT: return false;
	}
	return false;
}

uint32_t
http_server_busy(const struct http_server *http, bool with_silent)
{
	uint32_t busy = 0;

	list_foreach(node, &http->connections)
		busy += connection_is_busy(container_of(node, struct connection, node),
					   with_silent);
	return busy;
}

void
http_server_counts(const struct http_server *http, struct http_counts *counts)
{
	*counts = http->counts;
}
