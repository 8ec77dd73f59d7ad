/*
 * Settings: what holds of each resource becomes plain C.
 */
#include "config.h"
#include "../doc/scene.h"
#include "adminapi/apply/settings.h"
#include "core/addr.h"
#include "core/log.h"
#include "core/publish.h"

static struct plan plan;

/* A document that is compiled by the real compilers; what it becomes is in the plan's ops. */
static void
compile(const char *text)
{
	plan_init(&plan, scene_doc, settings_compilers, DOC_BY_CONFIG);
	plan.booting = true;
	plan_touch(&plan, scene_doc->singles[DOC_GLOBAL]);
	plan_touch(&plan, scene_doc->singles[DOC_ADMIN]);
	put_config(&plan, text);
	plan_finish(&plan);
}

static const void *
conf_of(const char *name)
{
	for (uint32_t i = 0; i < plan.count; i++)
		if (strcmp(plan.ops[i]->node->name, name) == 0)
			return plan.ops[i]->conf;
	fail_msg("there is no %s in the plan", name);
	return NULL;
}

static const char *
text_of(const struct addr *addr)
{
	static char text[ADDR_TEXT_BYTES];

	return addr_format(addr, text);
}

static int
begin(void **state)
{
	publish_set_workers(NULL, 1);
	return scene_begin(state);
}

static int
end(void **state)
{
	plan_fini(&plan);
	return scene_end(state);
}

static void
a_server_gets_what_holds_of_it(void **state)
{
	const struct server_conf *a, *b;

	compile("{'defaults':{'default_server':{'weight':7,'maxconn':9}},"
		"'backends':{'app':{'default_server':{'maxconn':5},'servers':{"
		"'a':{'address':'10.0.0.1:80','source':'10.0.0.9','admin_state':'drain','backup':true},"
		"'b':{'address':'[::1]:81','weight':256,'maxconn':0,'priority':9,'admin_state':'maint'}}}}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	a = conf_of("a");
	assert_string_equal(text_of(&a->address), "10.0.0.1:80");
	assert_string_equal(text_of(&a->source), "10.0.0.9:0");
	assert_int_equal(a->weight, 7);
	assert_int_equal(a->maxconn, 5);
	assert_int_equal(a->priority, 1);
	assert_int_equal(a->admin, SERVER_DRAIN);
	b = conf_of("b");
	assert_string_equal(text_of(&b->address), "[::1]:81");
	assert_int_equal(b->source.len, 0);
	assert_int_equal(b->weight, 256);
	assert_int_equal(b->maxconn, 0);
	assert_int_equal(b->priority, 9);
	assert_int_equal(b->admin, SERVER_MAINT);
}

static void
a_backend_that_says_nothing_has_what_is_built_in(void **state)
{
	const struct backend_conf *c;

	compile("{'backends':{'app':{}}}");
	c = conf_of("app");
	assert_int_equal(c->timeout_connect, 5000);
	assert_int_equal(c->timeout_server, 50000);
	assert_int_equal(c->timeout_server_fin, 30000);
	assert_int_equal(c->timeout_queue, 5000);
	assert_false(c->tunnel_set);
	assert_int_equal(c->retries, 3);
	assert_int_equal(c->redispatch, 0);
	assert_int_equal(c->maxqueue, 10000);
	assert_int_equal(c->min_usable, 1);
	assert_false(c->allbackups);
	assert_string_equal(c->balance, "roundrobin");
}

static void
times_are_milliseconds_and_zero_is_none(void **state)
{
	const struct backend_conf *c, *d;

	compile("{'profiles':{'p':{'timeout':{'connect':'2s','server':'0','tunnel':'1h'}}},"
		"'backends':{'c':{'from':'p','timeout':{'server_fin':1500}},"
		"'d':{'timeout':{'connect':0,'queue':'20ms'}}}}");
	c = conf_of("c");
	assert_int_equal(c->timeout_connect, 2000);
	assert_int_equal(c->timeout_queue, 2000);
	assert_true(c->timeout_server == TIMEOUT_NONE);
	assert_int_equal(c->timeout_server_fin, 1500);
	assert_true(c->tunnel_set);
	assert_int_equal(c->timeout_tunnel, 3600000);
	d = conf_of("d");
	assert_true(d->timeout_connect == TIMEOUT_NONE);
	assert_int_equal(d->timeout_queue, 20);
}

static void
redispatch_is_a_switch_or_an_interval(void **state)
{
	compile("{'backends':{'yes':{'redispatch':true},'no':{'redispatch':false},"
		"'each':{'redispatch':2},'before':{'redispatch':-3}}}");
	assert_int_equal(((const struct backend_conf *)conf_of("yes"))->redispatch, -1);
	assert_int_equal(((const struct backend_conf *)conf_of("no"))->redispatch, 0);
	assert_int_equal(((const struct backend_conf *)conf_of("each"))->redispatch, 2);
	assert_int_equal(((const struct backend_conf *)conf_of("before"))->redispatch, -3);
}

static void
keep_alive_is_in_whole_seconds_rounded_up(void **state)
{
	const struct backend_conf *b;
	const struct frontend_settings *f;

	compile("{'defaults':{'clitcpka':true,'clitcpka_idle':'90s'},'frontends':{'web':{'clitcpka_cnt':4}},"
		"'backends':{'app':{'srvtcpka':true,'srvtcpka_idle':1001,'srvtcpka_intvl':'2s'}}}");
	b = conf_of("app");
	assert_true(b->srvtcpka.on);
	assert_int_equal(b->srvtcpka.idle_s, 2);
	assert_int_equal(b->srvtcpka.interval_s, 2);
	f = conf_of("web");
	assert_true(f->conf->clitcpka.on);
	assert_int_equal(f->conf->clitcpka.idle_s, 90);
	assert_int_equal(f->conf->clitcpka.count, 4);
}

static void
a_frontend_has_its_binds_and_its_limits(void **state)
{
	const struct frontend_settings *f;

	compile("{'frontends':{'web':{'bind':['127.0.0.1:80',{'address':'unix:/x','mode':'0660'}],"
		"'backlog':77,'maxconn':5,'default_backend':'app','timeout':{'client':'1s'}}},"
		"'backends':{'app':{}}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	f = conf_of("web");
	assert_int_equal(f->bind_count, 2);
	assert_string_equal(text_of(&f->binds[0].address), "127.0.0.1:80");
	assert_int_equal(f->binds[0].mode, 0);
	assert_int_equal(f->binds[1].backlog, 77);
	assert_string_equal(text_of(&f->binds[1].address), "unix:/x");
	assert_int_equal(f->binds[1].mode, 0660);
	assert_string_equal(f->default_backend, "app");
	assert_int_equal(f->conf->maxconn, 5);
	assert_int_equal(f->conf->timeout_client, 1000);
	assert_int_equal(f->conf->timeout_client_fin, 30000);
}

static unsigned
log_of(const char *frontend)
{
	const struct frontend_settings *f = conf_of(frontend);

	return f->conf->log_targets;
}

static void
a_log_is_the_nearest_list_an_empty_one_is_none(void **state)
{
	compile("{'global':{'log':[{'target':'stdout'}]},'profiles':{'p':{'log':[{'target':'stderr'}]}},"
		"'frontends':{'plain':{},'quiet':{'log':[]},'from':{'from':'p'},"
		"'own':{'from':'p','log':[{'target':'stdout'},{'target':'stderr'}]}}}");
	assert_int_equal(log_of("plain"), LOG_STDOUT);
	assert_int_equal(log_of("quiet"), 0);
	assert_int_equal(log_of("from"), LOG_STDERR);
	assert_int_equal(log_of("own"), LOG_STDOUT | LOG_STDERR);
}

static void
the_process_has_what_is_built_in(void **state)
{
	const struct global_settings *g;
	const struct admin_settings *a;

	compile("{}");
	g = conf_of("global");
	assert_int_equal(g->maxconn, 0);
	assert_int_equal(g->pipe_memory, 16 << 20);
	assert_int_equal(g->hard_stop_after_ms, 25000);
	assert_int_equal(g->shutdown_delay_ms, 0);
	a = conf_of("admin");
	assert_int_equal(a->listen_count, 1);
	assert_string_equal(text_of(&a->listen[0].addr), "127.0.0.1:9901");
	assert_int_equal(a->host_count, 0);
}

static void
the_admin_server_listens_on_loopback_only(void **state)
{
	const struct admin_settings *a;

	compile("{'admin':{'listen':['127.9.9.9:1','[::1]:0',{'address':'unix:/x','mode':'0600'}],"
		"'hosts':['a','b']}}");
	a = conf_of("admin");
	assert_int_equal(a->listen_count, 3);
	assert_int_equal(a->listen[2].mode, 0600);
	assert_string_equal(a->hosts[1], "b");
	plan_fini(&plan);
	compile("{'admin':{'listen':['127.0.0.1:1','0.0.0.0:1','10.0.0.1:1','[::]:1']}}");
	assert_int_equal(plan.issues.count, 3);
	assert_string_equal(plan.issues.items[0].pointer, "/admin/listen/1");
	assert_non_null(strstr(plan.issues.items[0].detail, "loopback"));
}

static void
an_address_that_is_none_is_told_where_it_stands(void **state)
{
	compile("{'frontends':{'web':{'bind':['127.0.0.1:80','nowhere']}},'backends':{'app':{'servers':{"
		"'a':{'address':'10.0.0.1'},'b':{'address':'10.0.0.1:80','source':'unix:/x'}}}}}");
	assert_int_equal(plan.verdict, PLAN_INVALID);
	assert_int_equal(plan.issues.count, 3);
	assert_non_null(strstr(issues_of(&plan), "/frontends/web/bind/1: "));
	assert_non_null(strstr(issues_of(&plan), "/backends/app/servers/a/address: "));
	assert_non_null(strstr(issues_of(&plan), "/backends/app/servers/b/source: "));
}

/* All faults are told at once, so what the schema refuses is compiled too. */
static void
what_the_schema_refuses_is_compiled_without_harm(void **state)
{
	compile("{'global':{'maxconn':1e300,'pipe_memory':-1,'hard_stop_after':1e300,'log':{'a':1}},"
		"'admin':{'listen':{'a':'127.0.0.1:1','b':'127.0.0.1:2'},'hosts':'x'},"
		"'frontends':{'web':{'bind':{'a':'127.0.0.1:1','b':'127.0.0.1:2'},'default_backend':5,"
		"'backlog':1e300,'timeout':[1],'clitcpka_idle':-1e300,'log':5,'maxconn':-1}},"
		"'backends':{'app':{'redispatch':1e300,'retries':-1e300,'balance':[],'default_server':[],"
		"'servers':{'a':{'address':5,'weight':1e300,'priority':-1,'id':-1e300,'admin_state':{}}}}}}");
	assert_int_equal(plan.verdict, PLAN_INVALID);
	assert_int_equal(((const struct frontend_settings *)conf_of("web"))->bind_count, 0);
	assert_int_equal(((const struct admin_settings *)conf_of("admin"))->listen_count, 0);
}

int
main(void)
{
#define settings_test(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		settings_test(a_server_gets_what_holds_of_it),
		settings_test(a_backend_that_says_nothing_has_what_is_built_in),
		settings_test(times_are_milliseconds_and_zero_is_none),
		settings_test(redispatch_is_a_switch_or_an_interval),
		settings_test(keep_alive_is_in_whole_seconds_rounded_up),
		settings_test(a_frontend_has_its_binds_and_its_limits),
		settings_test(a_log_is_the_nearest_list_an_empty_one_is_none),
		settings_test(the_process_has_what_is_built_in),
		settings_test(the_admin_server_listens_on_loopback_only),
		settings_test(an_address_that_is_none_is_told_where_it_stands),
		settings_test(what_the_schema_refuses_is_compiled_without_harm),
	};

	return cmocka_run_group_tests_name("apply/settings", tests, NULL, NULL);
}
