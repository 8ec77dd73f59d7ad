/*
 * Everything at once: clients and servers that come, talk and leave in every way, while servers are
 * drained, replaced and readied, frontends changed and streams killed. Nothing may be left, and the
 * sanitizers find nothing.
 */
#include "config.h"
#include "t/unit/stream/cast.h"
#include <stdlib.h>

#define SCENE_MS 1500

/* What the control thread does meanwhile. */
static void
direct(unsigned *seed)
{
	static const enum server_admin admins[] = { SERVER_READY, SERVER_READY, SERVER_DRAIN,
						    SERVER_MAINT };
	uint32_t server = (uint32_t)rand_r(seed) % RIG_ORIGINS;
	struct session_filter filter = { 0 };

	switch (rand_r(seed) % 5) {
	case 0:
		rig_publish(rig_server_item(rig.servers[server],
					    (uint32_t)rand_r(seed) % RIG_ORIGINS,
					    (uint32_t)rand_r(seed) % 10, admins[rand_r(seed) % 4]),
			    NULL);
		break;
	case 1:
		rig_publish(
			rig_frontend_item(rig.frontend, &rig.bind, 1, (uint32_t)rand_r(seed) % 50),
			NULL);
		break;
	case 2:
		filter.server = rig.servers[server]->generation;
		rig_end(&filter, END_SERVER_DOWN);
		break;
	case 3: engine_set_maxconn(1 + (uint32_t)rand_r(seed) % 60); break;
	case 4: (void)rig_count(&filter); break;
	}
}

static void
nothing_is_left_of_a_storm(void **state)
{
	struct cast clients = { .seed = 1, .are_clients = true }, servers = { .seed = 2 };
	unsigned seed = 3;
	struct frontend_totals totals;
	uint64_t until;

	RIG(.threads = 3, .servers = RIG_ORIGINS, .pipe_memory = 4 << 20, .retries = 2,
	    .redispatch = 1, .connect = 300, .queue = 300, .server_maxconn = 5, .client_fin = 200,
	    .server_fin = 200);
	cast_start(&clients);
	cast_start(&servers);
	until = rig_now_ms() + SCENE_MS;
	while (rig_now_ms() < until)
		direct(&seed);
	engine_set_maxconn(1000);
	rig_publish(rig_frontend_item(rig.frontend, &rig.bind, 1, 0), NULL);
	cast_stop(&clients);
	cast_stop(&servers);
	frontend_totals(rig.frontend, &totals);
	assert_in_range(totals.sessions, 50, UINT32_MAX);
	rig_wait_until(engine_streams() == 0 ||
		       rig_end(&(struct session_filter){ 0 }, END_ADMIN) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_left_of_a_storm, NULL, rig_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
