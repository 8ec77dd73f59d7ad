/*
 * Health: the counters, where they begin, and when the next check is due. Control thread; the counters
 * are pure.
 *
 * HAProxy's scheme (manual, "rise" and "fall"): one number, 0 to rise + fall - 1, up from `rise` on. A
 * success adds one, and from `rise` on fills it: one makes up for all failures before it; a failure takes
 * one, and below `rise` empties it.
 */
#include "config.h"
#include "server/health.h"
#include "server/check_conf.h"
#include "server/server_priv.h"

bool
health_is_up(const struct health *h)
{
	return h->value >= h->rise;
}

static uint16_t
health_full(const struct health *h)
{
	return h->rise + h->fall - 1;
}

bool
health_is_settled(const struct health *h)
{
	return h->value == 0 || h->value == health_full(h);
}

bool
health_pass(struct health *h)
{
	const bool was_up = health_is_up(h);

	if (h->value < health_full(h))
		h->value++;
	if (health_is_up(h))
		h->value = health_full(h);
	return health_is_up(h) != was_up;
}

bool
health_fail(struct health *h)
{
	const bool was_up = health_is_up(h);

	h->value = h->value > h->rise ? h->value - 1 : 0;
	return health_is_up(h) != was_up;
}

void
health_resize(struct health *h, uint16_t rise, uint16_t fall)
{
	const bool is_up = health_is_up(h);
	const uint16_t within = is_up ? h->value - h->rise : h->value;

	h->rise = rise > 0 ? rise : 1;
	h->fall = fall > 0 ? fall : 1;
	if (is_up)
		h->value = h->rise + (within < h->fall ? within : h->fall - 1);
	else
		h->value = within < h->rise ? within : h->rise - 1;
}

uint16_t
health_progress(const struct health *h)
{
	return health_is_up(h) ? h->value - h->rise + 1 : h->value;
}

static uint16_t
health_initial(const struct health *h, enum init_state state)
{
	switch (state) {
	case INIT_STATE_UP: return h->rise;
	case INIT_STATE_FULLY_UP: return health_full(h);
	case INIT_STATE_DOWN: return h->rise - 1;
	case INIT_STATE_FULLY_DOWN:
	case INIT_STATE_NONE: break;
	}
	return 0;
}

void
server_health_begin(struct server *server, enum init_state state)
{
	struct server_health *health = &server->health;

	health_resize(&health->check, server->conf->rise, server->conf->fall);
	health->check.value = health_initial(&health->check, state);
	health->is_stopping = false;
	health->is_judged = false;
	health->is_hurried = false;
	health->streak = 0;
	health->fall_cause = SERVER_CAUSE_INIT_STATE;
	health->fall_detail[0] = '\0';
}

void
server_agent_forget(struct server *server)
{
	struct server_health *health = &server->health;

	health->agent = (struct health){ .rise = 1, .fall = 1, .value = 1 };
	health->agent_admin = SERVER_READY;
	health->agent_percent = 100;
	health->agent_maxconn = -1;
	health->last_agent = (struct check_last){ 0 };
}

bool
server_is_checked(const struct server *server, enum check_source source)
{
	const struct server_conf *conf = server->conf;

	if (conf == NULL || conf->own_admin || server->is_gone)
		return false;
	switch (source) {
	case CHECK_OF_SERVER:
		return conf->check && conf->track == NULL &&
		       server_admin_of(server) != SERVER_MAINT;
	case CHECK_OF_AGENT:
		return conf->agent_check; /* also in maintenance: it may be what the agent wants */
	}
	return false;
}

int64_t
server_check_interval_ms(const struct server *server, enum check_source source)
{
	const struct server_conf *conf = server->conf;
	const struct server_health *health = &server->health;
	int64_t other = 0;

	if (source == CHECK_OF_AGENT)
		return conf->agent_inter;
	if (!health->is_judged || health->is_hurried || !health_is_settled(&health->check))
		other = conf->fastinter;
	else if (!health_is_up(&health->check))
		other = conf->downinter;
	return other > 0 ? other : conf->inter;
}

/* What the attempts of that check depend on: where they go, and from where. */
static bool
server_check_has_moved(const struct server_conf *was, const struct server_conf *now,
		       enum check_source source)
{
	const bool is_agent = source == CHECK_OF_AGENT;

	return !addr_equals(&was->address, &now->address) ||
	       !addr_equals(&was->source, &now->source) ||
	       !addr_equals(is_agent ? &was->agent_addr : &was->check_addr,
			    is_agent ? &now->agent_addr : &now->check_addr) ||
	       (is_agent ? was->agent_port != now->agent_port : was->check_port != now->check_port);
}

/* And what they say there. Agents have no PROXY header. */
static bool
server_check_is_other(const struct server_conf *was, const struct server_conf *now,
		      enum check_source source)
{
	if (server_check_has_moved(was, now, source))
		return true;
	if (source == CHECK_OF_AGENT)
		return !check_conf_equals(was->agent_steps, now->agent_steps);
	return was->check_send_proxy != now->check_send_proxy ||
	       was->send_proxy.version != now->send_proxy.version ||
	       was->send_proxy.options != now->send_proxy.options;
}

static void
server_adjust_check(struct server *server, const struct server_conf *was, enum check_source source,
		    bool at_once)
{
	struct check *check = source == CHECK_OF_AGENT ? server->agent : server->check;

	if (check == NULL)
		return;
	if (!server_is_checked(server, source)) {
		check_stop(check);
		return;
	}
	check_start(check, !at_once);
	if (was != NULL && server_check_is_other(was, server->conf, source))
		check_again(check);
	check_hurry(check);
}

void
server_adjust_checks(struct server *server, const struct server_conf *was, bool at_once)
{
	server_adjust_check(server, was, CHECK_OF_SERVER, at_once);
	server_adjust_check(server, was, CHECK_OF_AGENT, false);
}
