/*
 * Where a check connects to, from where, and whether it says so with a PROXY header (HAProxy manual, 5.2
 * "addr", "port", "agent-addr", "agent-port", "check-send-proxy"; "tcp-check connect").
 *
 * Control thread.
 */
#include "config.h"
#include "server/backend.h"
#include "server/check_priv.h"

/* `to` becomes `addr`; its port, if it has none, stays. */
static void
target_move(struct addr *to, const struct addr *addr)
{
	const uint16_t port = addr_port(addr) != 0 ? addr_port(addr) : addr_port(to);

	if (addr->len == 0)
		return;
	*to = *addr;
	addr_set_port(to, port);
}

static void
target_move_port(struct addr *to, uint16_t port)
{
	if (port != 0)
		addr_set_port(to, port);
}

/* Of the server, but for its port: that may be taken by a connection of its traffic. */
static void
target_set_source(struct check_target *target, const struct server_conf *conf)
{
	target->source = (struct addr){ 0 };
	if (conf->source.len == 0 || conf->source.sa.sa_family != target->to.sa.sa_family)
		return;
	target->source = conf->source;
	if (!addr_is_unix(&target->source))
		addr_set_port(&target->source, 0);
}

/*
 * As HAProxy 2.6 was seen to do it: a CONNECT that is written as a step asks for the header itself; one that
 * goes without saying has it where check_send_proxy is set, or where the server's own connections have it
 * and the check goes to the same place.
 */
static struct proxy_send
target_send_proxy(const struct check *c, const struct server_conf *conf,
		  const struct check_connect *connect)
{
	const bool is_elsewhere = conf->check_addr.len != 0 || conf->check_port != 0;
	struct proxy_send how = conf->send_proxy;

	if (c->source == CHECK_OF_AGENT && !connect->send_proxy)
		return (struct proxy_send){ 0 };
	if (connect->send_proxy || (!connect->is_explicit && conf->check_send_proxy)) {
		how.version = how.version != 0 ? how.version : 1;
		return how;
	}
	if (connect->is_explicit || is_elsewhere)
		return (struct proxy_send){ 0 };
	return how;
}

const char *
check_target_set(struct check_target *target, const struct check *c,
		 const struct check_connect *connect)
{
	const struct server_conf *conf = c->server->conf;
	const bool is_agent = c->source == CHECK_OF_AGENT;

	if (conf->own_admin)
		return "its address is one of our own admin listeners";
	target->to = conf->address;
	target_move(&target->to, is_agent ? &conf->agent_addr : &conf->check_addr);
	target_move_port(&target->to, is_agent ? conf->agent_port : conf->check_port);
	target_move(&target->to, &connect->addr);
	target_move_port(&target->to, connect->port);
	if (!addr_is_unix(&target->to) && addr_port(&target->to) == 0)
		return "there is no port to connect to";
	target_set_source(target, conf);
	target->send_proxy = target_send_proxy(c, conf, connect);
	return NULL;
}
