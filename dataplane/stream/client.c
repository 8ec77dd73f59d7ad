/*
 * A client's life: accept, its states and what wakes it in them, lingering, its one exit.
 *
 * The worker's thread.
 */
#include "config.h"
#include "stream/client_priv.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/obj.h"
#include "stream/engine_priv.h"
#include "stream/exchange_priv.h"
#include "stream/frontend_priv.h"
#include "stream/listener_priv.h"
#include "stream/stream_priv.h"

#define CLIENT_PROXY_MS	      4000 /* who sends PROXY headers has one ready */
#define CLIENT_LINGER_MS      5000 /* for the last bytes to arrive, and the peer's end */
#define CLIENT_LAST_CALL_MS   1000 /* for a first request that is under way when its bind goes */
#define CLIENT_LINGER_READS   4	   /* at a wake-up; then others have their turn */

static struct client *
client_new(struct worker *w)
{
	struct client *c = spares_take(&w->spare_clients, sizeof(*c));

	if (c == NULL)
		return NULL;
	memset(c, 0, sizeof(*c));
	c->magic = CLIENT_MAGIC;
	return c;
}

static void
client_bury(struct grave *grave)
{
	struct client *c = container_of(grave, struct client, grave);

	spares_give(&c->worker->spare_clients, c);
}

struct frontend_slot *
client_slot(const struct client *c)
{
	return &c->frontend->slots[c->worker->index];
}

static void
client_drop_conf(struct client *c)
{
	if (c->conf != NULL)
		snap_unref(&c->conf->slots[c->worker->index].ref);
	c->conf = NULL;
}

void
client_drop_input(struct client *c)
{
	if (c->in != NULL)
		slab_give(&c->worker->slabs, c->in);
	c->in = NULL;
}

void
client_end(struct client *c)
{
	struct frontend *frontend = c->frontend;
	struct worker *w = c->worker;

	if (c->state == CLIENT_ENDED)
		return;
	c->state = CLIENT_ENDED;
	wheel_cancel(&c->timer);
	task_cancel(&c->task);
	list_remove(&c->node);
	conn_close(&c->conn);
	client_drop_input(c);
	client_drop_conf(c);
	vars_fini(&c->vars, &w->spare_vars);
	free(c->proxied);
	if (c->own != NULL)
		server_conn_close(&c->own);
	engine_resume(limit_empty(&frontend->sessions));
	engine_connection_gone();
	snap_unref(&frontend->slots[w->index].ref);
	loop_bury(w->loop, &c->grave, client_bury);
}

void
client_arm(struct client *c, uint64_t at_ms)
{
	if (at_ms == WHEEL_NEVER)
		return;		/* what may be set will fire, look, and be silent */
	if (!wheel_timer_is_set(&c->timer) || c->timer.at_ms > at_ms)
		wheel_set(&c->worker->loop->wheel, &c->timer, at_ms);
}

/* In a state without a stream: when it will have been silent for too long. */
uint64_t
client_deadline_ms(const struct client *c)
{
	const struct frontend_conf *conf = c->conf != NULL ? c->conf : client_slot(c)->conf;

	switch ((enum client_state)c->state) {
	case CLIENT_PROXY: return c->since_ms + CLIENT_PROXY_MS;
	case CLIENT_LINGERING: return c->since_ms + CLIENT_LINGER_MS;
	case CLIENT_IDLE:
		if (c->closes || conf == NULL)
			return c->since_ms + CLIENT_LAST_CALL_MS;
		return time_after(c->since_ms, c->requests == 0 ? conf->http.timeout_request
								: conf->http.timeout_keep_alive);
	case CLIENT_BUSY:
	case CLIENT_ENDED: break;
	}
	return WHEEL_NEVER;
}

static void
client_on_timer(struct wheel_timer *timer)
{
	struct client *c = obj_cast(container_of(timer, struct client, timer), CLIENT_MAGIC);
	uint64_t at_ms;

	if (c->stream != NULL) {
		stream_on_timer(c->stream);
		return;
	}
	at_ms = client_deadline_ms(c);
	if (at_ms > c->worker->loop->now_ms)
		client_arm(c, at_ms);
	else if (c->state == CLIENT_PROXY)
		client_refuse_proxy(c);
	else
		client_end(c);
}

/* Read and drop; the peer's end is ours. */
static void
client_drain(struct client *c)
{
	for (int i = 0; i < CLIENT_LINGER_READS && c->conn.readable; i++) {
		ssize_t got = conn_recv(&c->conn, c->worker->scratch, WORKER_SCRATCH_BYTES);

		if (got == 0 || (got < 0 && got != -EAGAIN && got != -EINTR)) {
			client_end(c);
			return;
		}
	}
	if (c->conn.readable)
		loop_queue(c->worker->loop, &c->task);
}

void
client_linger(struct client *c)
{
	client_drop_input(c);
	conn_shutdown(&c->conn);
	c->state = CLIENT_LINGERING;
	c->since_ms = c->worker->loop->now_ms;
	client_arm(c, client_deadline_ms(c));
	loop_queue(c->worker->loop, &c->task);
}

/*
 * It is known who it is: serve it. An HTTP client keeps the conf of its accept until its first
 * request: its bind may go in the meantime, and it was promised a connection.
 */
void
client_serve(struct client *c)
{
	if (!client_run_rules(c, c->conf, PHASE_TCP_REQUEST_SESSION))
		return;
	if (!c->is_http) {
		tcp_start(c, c->conf);
		return;
	}
	c->state = CLIENT_IDLE;
	client_arm(c, client_deadline_ms(c));
	if (c->in != NULL || c->conn.readable)
		front_next(c);
}

/* Without a stream: by its state. */
static void
client_go_on(struct client *c)
{
	switch ((enum client_state)c->state) {
	case CLIENT_PROXY: client_read_header(c); break;
	case CLIENT_IDLE: front_next(c); break;
	case CLIENT_LINGERING: client_drain(c); break;
	case CLIENT_BUSY:
	case CLIENT_ENDED: break;
	}
}

static void
client_on_wake(struct conn *conn)
{
	struct client *c = obj_cast(container_of(conn, struct client, conn), CLIENT_MAGIC);

	loop_mark(c->worker->loop);
	if (c->stream != NULL)
		c->stream->mode->on_client(c->stream);
	else if (conn->readable)
		client_go_on(c);
}

static void
client_on_task(struct task *task)
{
	struct client *c = obj_cast(container_of(task, struct client, task), CLIENT_MAGIC);

	if (c->stream == NULL)
		client_go_on(c);
}

void
client_stream_gone(struct client *c)
{
	c->stream = NULL;
	client_drop_conf(c);
	if (c->conn.fd < 0) {
		client_end(c);
		return;
	}
	if (c->state == CLIENT_LINGERING)
		return;
	if (c->closes) {	/* nobody would answer another request, so its answer is its last */
		if (c->in != NULL || c->conn.readable)
			client_linger(c);
		else
			client_end(c);
		return;
	}
	c->state = CLIENT_IDLE;
	c->since_ms = c->worker->loop->now_ms;
	client_arm(c, client_deadline_ms(c));
	if (c->in != NULL || c->conn.readable)
		loop_queue(c->worker->loop, &c->task);
}

static void
client_init(struct client *c, struct listener *l, const struct stream_peer *peer,
	    struct frontend_conf *conf)
{
	struct worker *w = l->worker;

	c->worker = w;
	c->frontend = l->frontend;
	c->is_http = conf->mode == MODE_HTTP;
	c->bind = l->bind;
	c->bind_index = l->index;
	c->bind_serial = bind_serial(l->bind);
	c->peer = *peer;
	c->since_ms = w->loop->now_ms;
	c->conf = conf;
	snap_ref(&conf->slots[w->index].ref);
	snap_ref(&client_slot(c)->ref);
	wheel_timer_init(&c->timer, client_on_timer);
	task_init(&c->task, client_on_task);
	conn_init(&c->conn, client_on_wake);
	list_init(&c->node);
	list_append(&w->clients, &c->node);
	count_add(&w->counters.connections, 1);
	rate_add(&client_slot(c)->counters.session_rate, w->loop->now_ms);
}

/* There is no memory for it. */
static void
client_refuse(struct listener *l, int fd)
{
	close(fd);
	count_add(&l->frontend->slots[l->worker->index].counters.refused, 1);
	engine_resume(limit_empty(&l->frontend->sessions));
	engine_connection_gone();
}

void
client_start(struct listener *l, int fd, const struct stream_peer *peer)
{
	struct client *c = client_new(l->worker);
	struct frontend_conf *conf;

	if (c == NULL) {
		client_refuse(l, fd);
		return;
	}
	conf = l->conf != NULL ? l->conf : l->frontend->slots[l->worker->index].conf;
	client_init(c, l, peer, conf);
	c->closes = l->conf != NULL;	/* its bind has gone: it will be answered once */
	if (conn_open(&c->conn, l->worker->loop->base, fd) != 0) {
		client_end(c);
	} else if (!client_run_rules(c, conf, PHASE_TCP_REQUEST_CONNECTION)) {
		return;
	} else if (client_sends_header(&conf->bind_confs[l->index], peer)) {
		c->state = CLIENT_PROXY;
		client_arm(c, client_deadline_ms(c));
	} else {
		client_serve(c);
	}
}

struct frontend_conf *
client_conf(const struct client *c, uint32_t *bind_index)
{
	struct frontend_conf *conf = client_slot(c)->conf;

	if (conf != NULL && conf->mode == MODE_HTTP &&
	    frontend_conf_find_bind(conf, c->bind, c->bind_serial, bind_index))
		return conf;
	*bind_index = c->bind_index;
	return c->conf;
}
