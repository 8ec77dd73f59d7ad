/*
 * A client's PROXY header: read, believed, or refused.
 *
 * It comes first, from those who are trusted with it. What of the first bytes is beyond it is the
 * client's own.
 *
 * The worker's thread.
 */
#include "config.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "net/bind.h"
#include "stream/client_priv.h"
#include "stream/stream_priv.h"

/* Nobody was told of it yet: a line in the log, and the end. */
void
client_refuse_proxy(struct client *c)
{
	struct stream *s = stream_start(c, c->conf, c->bind_index, &stream_tcp, STREAM_REQUEST);

	if (s != NULL)
		stream_end(s, END_BAD_PROXY);
	else
		client_end(c);
}

static void
peer_set(struct stream_peer *peer, const struct addr *addr)
{
	memcpy(peer->storage, &addr->sa, addr->len < sizeof(*peer) ? addr->len : sizeof(*peer));
}

/* What the header says holds from here on. False: no memory. */
static bool
client_take_header(struct client *c, const struct proxy_header *h)
{
	if (h->is_local)
		return true;
	c->proxied = malloc(sizeof(*c->proxied) + h->tlvs.len);
	if (c->proxied == NULL)
		return false;
	peer_set(&c->peer, &h->from);
	c->proxied->is_header = true;
	peer_set(&c->proxied->to, &h->to);
	c->proxied->tlvs_len = (uint32_t)h->tlvs.len;
	if (h->tlvs.len > 0)
		memcpy(c->proxied->tlvs, h->tlvs.at, h->tlvs.len);
	return true;
}

/* The header is whole: what follows is the client's. */
static void
client_pass_header(struct client *c, const struct proxy_header *h)
{
	if (!client_take_header(c, h)) {
		client_end(c);
		return;
	}
	c->in->start += (uint32_t)h->len;
	if (c->in->start == c->in->end)
		client_drop_input(c);
	client_serve(c);
}

void
client_read_header(struct client *c)
{
	struct slab *in = c->in != NULL ? c->in : slab_take(&c->worker->slabs);
	struct proxy_header header;
	enum proxy_result result;
	ssize_t got;

	if (in == NULL) {
		client_end(c);
		return;
	}
	c->in = in;
	got = conn_recv(&c->conn, in->data + in->end, PROXY_IN_MAX_BYTES - in->end);
	if (got == -EAGAIN || got == -EINTR)
		return;
	if (got <= 0) {
		client_refuse_proxy(c);
		return;
	}
	in->end += (uint32_t)got;
	result = proxy_parse(&header, in->data, in->end, NULL);
	if (result == PROXY_DONE)
		client_pass_header(c, &header);
	else if (result == PROXY_BAD || in->end == PROXY_IN_MAX_BYTES)
		client_refuse_proxy(c);
	else if (c->conn.readable)
		loop_queue(c->worker->loop, &c->task);
}

bool
client_sends_header(const struct bind_conf *bind, const struct stream_peer *peer)
{
	return bind->accept_proxy &&
	       (bind->proxy_from_count == 0 ||
		networks_have(bind->proxy_from, bind->proxy_from_count, &peer->sa));
}
