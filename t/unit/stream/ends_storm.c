/*
 * Orders to end streams, of all causes, at any moment, over streams in every phase that come and go in every way,
 * on servers that are drained, filled and retired meanwhile. Each stream has one line, each that was ended
 * by an order has its cause, the third server's streams have none of them, and nothing is left.
 */
#include "config.h"
#include "t/unit/stream/cast.h"
#include <stdio.h>
#include "core/obj.h"
#include "server/ends.h"
#include "stream/engine_priv.h"

#define SCENE_MS 1500
#define SERVERS	 RIG_ORIGINS	/* the last one has no order */

static const char *const requests[] = {
	"GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /b HTTP/1.0\r\n\r\n",
	"HEAD /c HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /d HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345",
	"POST /e HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
	"0\r\n\r\n",
	"GET /f HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
	NULL,
};

static const char *const answers[] = {
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345",
	"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345",
	"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n12345",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
	"HTTP/1.1 200 OK\r\n\r\nuntil the end",
	"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
	"HTTP/1.1 103 Early\r\n\r\n",
	"HTTP/1.1 401 Who\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n",
	NULL,
};

static const enum end_cause causes[] = { END_SERVER_DOWN, END_ACTIVE_BACK, END_ADMIN };
#define ADMIN  2
#define CAUSES (sizeof(causes) / sizeof(causes[0]))

static uint32_t ended[SERVERS][CAUSES];	/* as orders told */
static uint32_t orders_out;

static uint32_t
server_index(const char *name)
{
	return (uint32_t)(name[1] - '1');
}

static void
on_ended(const struct server *server, enum end_cause cause, uint32_t count)
{
	for (size_t i = 0; i < CAUSES; i++)
		ended[server_index(server->name)][i] += causes[i] == cause ? count : 0;
	orders_out--;
}

/* An order that waits for another with the same cause is one with it. */
static void
order(struct server *server, enum end_cause cause)
{
	if ((server->end_order.waiting & 1u << cause) == 0)
		orders_out++;
	server_end_streams(server, cause, NULL);
}

/* Another server of that name takes its place while orders to it are away. */
static void
replace(uint32_t i)
{
	struct server *next = NULL;
	struct publish_item *item = NULL;
	char name[3] = { 's', (char)('1' + i), '\0' };

	assert_int_equal(server_retire_new(&item, rig.servers[i], NULL), ERR_OK);
	assert_int_equal(server_new(&next, rig.backend, name, i + 1), ERR_OK);
	rig.servers[i] = next;
	rig_publish(item, rig_server_item(next, i, 5, SERVER_READY), NULL);
}

static void
direct(unsigned *seed)
{
	static const enum server_admin admins[] = { SERVER_READY, SERVER_READY, SERVER_DRAIN,
						    SERVER_MAINT };
	const uint32_t i = (uint32_t)rand_r(seed) % (SERVERS - 1);
	const unsigned what = (unsigned)rand_r(seed) % 16;

	if (what == 0) {
		rig_publish(rig_server_item(rig.servers[i], i, 1 + (uint32_t)rand_r(seed) % 10,
					    admins[rand_r(seed) % 4]),
			    NULL);
		return;
	}
	for (unsigned n = 0; n < 1 + what % 3; n++)
		order(rig.servers[i], causes[(size_t)rand_r(seed) % CAUSES]);
	if (what == 2) /* the other road: a walk over all streams, while orders are away */
		ended[i][ADMIN] += rig_end(
			&(struct session_filter){ .server = rig.servers[i]->generation },
			END_ADMIN);
	if (what == 1)
		replace(i);
	for (unsigned n = 0; n < what; n++)
		rig_turn();
}

/* Lines of that server and letter, all lines with NULL and 0. */
static uint32_t
lines_of(const char *log, const char *server, char letter)
{
	char field[32];
	uint32_t count = 0;

	for (const char *line = log, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		const char *of = NULL, *state = NULL;

		if (server != NULL) {
			(void)snprintf(field, sizeof(field), "\"server\":\"%s\"", server);
			of = memmem(line, (size_t)(end - line), field, strlen(field));
			(void)snprintf(field, sizeof(field), "\"termination_state\":\"%c", letter);
			state = memmem(line, (size_t)(end - line), field, strlen(field));
		}
		count += server == NULL || (of != NULL && state != NULL);
	}
	return count;
}

static uint32_t
lines_now(void)
{
	char *log = rig_log_text();
	uint32_t count = lines_of(log, NULL, 0);

	free(log);
	return count;
}

static void
all_is_accounted_for(void)
{
	struct frontend_totals totals;
	char *log;

	frontend_totals(rig.frontend, &totals);
	assert_in_range(totals.sessions, 50, UINT32_MAX);
	rig_wait_until(lines_now() >= totals.sessions);
	log = rig_log_text();
	assert_int_equal(lines_of(log, NULL, 0), totals.sessions);
	for (uint32_t i = 0; i < SERVERS; i++) {
		for (size_t k = 0; k < CAUSES; k++) {
			char name[3] = { 's', (char)('1' + i), '\0' };

			assert_int_equal(lines_of(log, name, end_cause_letter(causes[k])),
					 ended[i][k]);
			if (i < SERVERS - 1)
				assert_int_not_equal(ended[i][k], 0);
			else
				assert_int_equal(ended[i][k], 0);
		}
	}
	free(log);
}

static void
play(struct cast *clients, struct cast *servers)
{
	unsigned seed = 3;
	uint64_t until = rig_now_ms() + SCENE_MS;
	uint32_t orders = 0;

	memset(ended, 0, sizeof(ended));
	server_on_ended(on_ended);
	cast_start(clients);
	cast_start(servers);
	for (; rig_now_ms() < until; orders++)
		direct(&seed);
	cast_stop(clients);
	cast_stop(servers);
	for (uint32_t i = 0; i < SERVERS; i++)
		rig_publish(rig_server_item(rig.servers[i], i, 0, SERVER_READY), NULL);
	rig_wait_until(orders_out == 0);
	rig_wait_until(engine_streams() == 0);
	for (uint32_t i = 0; i < SERVERS; i++) {
		assert_int_equal(atomic_load(&rig.servers[i]->current), 0);
		assert_int_equal(rig.servers[i]->holders, 0);
	}
	assert_int_equal(atomic_load(&rig.backend->current), 0);
	assert_int_equal(queue_length(&rig.backend->queue), 0);
	all_is_accounted_for();
}

static void
each_stream_of_tcp_ends_once_with_the_first_cause(void **state)
{
	struct cast clients = { .seed = 1, .are_clients = true, .pause_us = 300 };
	struct cast servers = { .seed = 2, .pause_us = 300 };

	RIG(.threads = 3, .servers = SERVERS, .pipe_memory = 4 << 20, .retries = 2, .redispatch = 1,
	    .connect = 300, .queue = 300, .server_maxconn = 5, .client_fin = 200, .server_fin = 200,
	    .client = 2000, .server = 2000);
	play(&clients, &servers);
}

static void
each_exchange_of_http_ends_once_with_the_first_cause(void **state)
{
	struct cast clients = {
		.seed = 4, .are_clients = true, .lines = requests, .pause_us = 300
	};
	struct cast servers = { .seed = 5, .lines = answers, .pause_us = 300 };

	RIG(.threads = 3, .servers = SERVERS, .pipe_memory = 4 << 20, .retries = 2, .redispatch = 1,
	    .connect = 300, .queue = 300, .server_maxconn = 5, .client_fin = 200, .server_fin = 200,
	    .client = 2000, .server = 2000, .tunnel = 2000, .http = true);
	play(&clients, &servers);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_stream_of_tcp_ends_once_with_the_first_cause,
						NULL, rig_stop),
		cmocka_unit_test_setup_teardown(
			each_exchange_of_http_ends_once_with_the_first_cause, NULL, rig_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
