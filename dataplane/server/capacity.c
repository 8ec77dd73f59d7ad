/*
 * What a server can take now: its weight and its maxconn, as configuration, agent and slow start have them.
 * Control thread.
 *
 * A slow start (HAProxy manual, "slowstart") lets both grow in a straight line from next to nothing. It
 * begins when a server comes back, and takes a step every second, or 20 in all where those are longer.
 */
#include "config.h"
#include <assert.h>
#include "core/loop.h"
#include "core/obj.h"
#include "server/server_priv.h"

#define SLOW_STEPS 20
#define SLOW_STEP_MIN_MS 1000

static bool is_serving;

void
servers_set_serving(bool serving)
{
	assert_control();
	is_serving = serving;
}

bool
servers_are_serving(void)
{
	return is_serving;
}

/* `whole` as far as the slow start has come, at least 1. */
static uint32_t
slow_part(const struct server *server, uint32_t whole)
{
	const struct server_health *health = &server->health;
	const uint64_t now_ms = loop_self()->now_ms, total_ms = (uint64_t)server->conf->slowstart;
	uint64_t part;

	if (!health->is_starting || whole == 0 || total_ms == 0)
		return whole;
	part = now_ms > health->started_ms ? now_ms - health->started_ms : 0;
	part = part < total_ms ? whole * part / total_ms : whole;
	return part > 0 ? (uint32_t)part : 1;
}

/* In the balance's units, without a slow start: 0 only if somebody said 0. */
static uint32_t
server_weight_set(const struct server *server)
{
	const struct server_conf *conf = server->conf;
	const struct server_health *health = &server->health;
	uint64_t weight = (uint64_t)conf->weight * LB_WEIGHT_SCALE * conf->weight_percent / 100;
	int32_t percent = conf->agent_check ? health->agent_percent : 100;

	if (weight == 0 && conf->weight > 0 && conf->weight_percent > 0)
		weight = 1;
	if (percent < 0) /* the agent named a weight of its own */
		weight = (uint64_t)health->agent_weight * LB_WEIGHT_SCALE;
	else if (weight > 0 && percent > 0 && weight * (uint32_t)percent < 100)
		weight = 1;
	else
		weight = weight * (uint32_t)percent / 100;
	return weight < LB_WEIGHT_MAX ? (uint32_t)weight : LB_WEIGHT_MAX;
}

bool
server_has_weight(const struct server *server)
{
	return server_weight_set(server) > 0;
}

uint16_t
server_weight_now(const struct server *server)
{
	return (uint16_t)slow_part(server, server_weight_set(server));
}

void
server_show_weight(struct server *server)
{
	const bool drains = server->state == SERVER_STATE_DRAIN;

	atomic_store_explicit(&server->weight_set_shown, (uint16_t)server_weight_set(server),
			      memory_order_relaxed);
	atomic_store_explicit(&server->weight_shown, drains ? 0 : server_weight_now(server),
			      memory_order_relaxed);
}

uint32_t
server_effective_weight(const struct server *server)
{
	if (!server->usable)
		return 0;
	return (server_weight_now(server) + LB_WEIGHT_SCALE - 1) / LB_WEIGHT_SCALE;
}

uint32_t
server_effective_maxconn(const struct server *server)
{
	const struct server_health *health = &server->health;
	uint32_t maxconn = server->conf->maxconn;

	if (server->conf->agent_check && health->agent_maxconn >= 0)
		maxconn = (uint32_t)health->agent_maxconn;
	return slow_part(server, maxconn);
}

uint32_t
server_apply_maxconn(struct server *server)
{
	const uint32_t now = server_effective_maxconn(server);
	const uint32_t was = atomic_exchange(&server->maxconn, now);

	if (was == now || was == 0 || (now != 0 && now < was))
		return 0;
	return now == 0 ? UINT32_MAX : now - was;
}

static uint64_t
slow_step_ms(const struct server *server)
{
	const uint64_t step_ms = (uint64_t)server->conf->slowstart / SLOW_STEPS;

	return step_ms > SLOW_STEP_MIN_MS ? step_ms : SLOW_STEP_MIN_MS;
}

static void
slow_arm(struct server *server)
{
	struct loop *loop = loop_self();
	const uint64_t end_ms = server->health.started_ms + (uint64_t)server->conf->slowstart;
	const uint64_t next_ms = loop->now_ms + slow_step_ms(server);

	wheel_set(&loop->wheel, &server->health.slow, next_ms < end_ms ? next_ms : end_ms);
}

static void
slow_on_timer(struct wheel_timer *timer)
{
	struct server_health *health = container_of(timer, struct server_health, slow);
	struct server *server = obj_cast(container_of(health, struct server, health), SERVER_MAGIC);
	const uint64_t passed_ms = loop_self()->now_ms - health->started_ms;

	if (passed_ms < (uint64_t)server->conf->slowstart)
		slow_arm(server);
	else
		health->is_starting = false;
	server_update(server, SERVER_CAUSE_WARMED_UP, NULL);
}

void
slow_init(struct server *server)
{
	wheel_timer_init(&server->health.slow, slow_on_timer);
}

void
slow_start(struct server *server)
{
	if (server->conf->slowstart <= 0 || !is_serving)
		return;
	server->health.is_starting = true;
	server->health.started_ms = loop_self()->now_ms;
	slow_arm(server);
}

void
slow_stop(struct server *server)
{
	server->health.is_starting = false;
	wheel_cancel(&server->health.slow);
}
