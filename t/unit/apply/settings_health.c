/*
 * Settings of servers' health: how, whether and when they are checked.
 */
#include "config.h"
#include "../doc/scene.h"
#include "adminapi/apply/settings.h"
#include "core/publish.h"
#include "server/check_conf.h"

static struct plan plan;

static void
compile(const char *text)
{
	plan_init(&plan, scene_doc, settings_compilers, DOC_BY_CONFIG);
	plan.booting = true;
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

static const struct check_conf *
check_of(const char *backend)
{
	const struct backend_conf *conf = conf_of(backend);

	return conf->check;
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
a_server_that_says_nothing_is_not_checked(void **state)
{
	const struct server_conf *c;

	compile("{'backends':{'app':{'servers':{'a':{'address':'10.0.0.1:80'}}}}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	c = conf_of("a");
	assert_false(c->check || c->agent_check || c->check_send_proxy);
	assert_false(c->on_marked_down || c->on_marked_up);
	assert_int_equal(c->weight_percent, 100);
	assert_int_equal(c->rise, 2);
	assert_int_equal(c->fall, 3);
	assert_int_equal(c->inter, 2000);
	assert_int_equal(c->fastinter, 0);
	assert_int_equal(c->downinter, 0);
	assert_int_equal(c->agent_inter, 2000);
	assert_int_equal(c->init_state, INIT_STATE_UP);
	assert_int_equal(c->observe, OBSERVE_NONE);
	assert_int_equal(c->on_error, ON_ERROR_FAIL_CHECK);
	assert_int_equal(c->error_limit, 10);
	assert_int_equal(c->slowstart, 0);
	assert_null(c->agent_steps);
	assert_null(c->track);
}

static void
a_server_has_what_it_says_and_what_it_inherits(void **state)
{
	const struct server_conf *c;

	compile("{'defaults':{'default_server':{'check':true,'inter':'1m','rise':7,'on_marked_up':'shutdown-backup-sessions'}},"
		"'backends':{'app':{'mode':'http','default_server':{'rise':9,'observe':'layer7','on_error':'sudden-death'},"
		"'servers':{'a':{'address':'10.0.0.1:80','fall':4,'fastinter':'100ms','downinter':500,'check_addr':'::1','check_port':81,"
		"'init_state':'fully-down','agent_check':true,'agent_port':9,'agent_addr':'10.0.0.9','agent_send':'hi','agent_inter':'3s',"
		"'error_limit':5,'on_marked_down':'shutdown-sessions','slowstart':'10s','weight_percent':50}}}}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	c = conf_of("a");
	assert_true(c->check && c->agent_check && c->on_marked_up && c->on_marked_down);
	assert_int_equal(c->inter, 60000);
	assert_int_equal(c->rise, 9);
	assert_int_equal(c->fall, 4);
	assert_int_equal(c->fastinter, 100);
	assert_int_equal(c->downinter, 500);
	assert_int_equal(c->check_port, 81);
	assert_int_equal(c->check_addr.sa.sa_family, AF_INET6);
	assert_int_equal(c->init_state, INIT_STATE_FULLY_DOWN);
	assert_int_equal(c->agent_port, 9);
	assert_int_equal(c->agent_inter, 3000);
	assert_int_equal(c->agent_addr.sa.sa_family, AF_INET);
	assert_non_null(c->agent_steps);
	assert_int_equal(c->agent_steps->kind, CHECK_KIND_AGENT);
	assert_int_equal(c->observe, OBSERVE_LAYER7);
	assert_int_equal(c->on_error, ON_ERROR_SUDDEN_DEATH);
	assert_int_equal(c->error_limit, 5);
	assert_int_equal(c->slowstart, 10000);
	assert_int_equal(c->weight_percent, 50);
}

static void
what_a_server_inherits_gives_way(void **state)
{
	const struct server_conf *t, *u, *n;

	compile("{'backends':{'app':{'default_server':{'check':true,'init_state':'down','check_port':81,'observe':'layer4'},"
		"'servers':{'a':{'address':'10.0.0.1:80'},'t':{'address':'10.0.0.2:80','track':'a'},"
		"'u':{'address':'unix:/x'},'n':{'address':'10.0.0.3:80','check':false}}}}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	t = conf_of("t");
	assert_false(t->check);
	assert_int_equal(t->init_state, INIT_STATE_UP);
	assert_int_equal(t->observe, OBSERVE_NONE);
	u = conf_of("u");
	assert_true(u->check);
	assert_int_equal(u->check_port, 0);
	n = conf_of("n");
	assert_int_equal(n->observe, OBSERVE_NONE);
}

static void
checks_begin_with_a_proxy_header_where_connections_do(void **state)
{
	static const struct { const char *fields; bool expected; } cases[] = {
		{ "", false },
		{ ",'send_proxy':true", true },
		{ ",'send_proxy_v2':true", true },
		{ ",'send_proxy':true,'check_port':81", false },
		{ ",'send_proxy':true,'check_addr':'10.0.0.9'", false },
		{ ",'send_proxy':true,'check_send_proxy':false", false },
		{ ",'check_send_proxy':true", true },
		{ ",'check_port':81,'check_send_proxy':true", true },
	};
	char text[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text),
			 "{'backends':{'app':{'servers':{'a':{'address':'10.0.0.1:80'%s}}}}}",
			cases[i].fields);
		compile(text);
		assert_int_equal(plan.verdict, PLAN_OK);
		assert_int_equal(((const struct server_conf *)conf_of("a"))->check_send_proxy,
			cases[i].expected);
		plan_fini(&plan);
	}
}

static void
a_backend_that_says_nothing_checks_by_a_connection(void **state)
{
	const struct backend_conf *c;

	compile("{'backends':{'app':{},'tcp':{'check':{'type':'tcp'},'timeout':{'check':'3s'},'log_health_checks':true}}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	c = conf_of("app");
	assert_int_equal(c->check->count, 1);
	assert_int_equal(c->check->steps[0].kind, CHECK_STEP_CONNECT);
	assert_true(c->timeout_check == TIMEOUT_NONE);
	assert_false(c->log_health_checks);
	c = conf_of("tcp");
	assert_int_equal(c->check->count, 1);
	assert_int_equal(c->timeout_check, 3000);
	assert_true(c->log_health_checks);
}

static void
an_http_check_is_a_connection_a_request_and_what_is_expected(void **state)
{
	const struct check_conf *c;

	compile("{'defaults':{'check':{'type':'http','method':'GET','uri':'/h','version':'HTTP/1.1','disable_on_404':true,"
		"'headers':[{'name':'Host','value':'app'}],'body':'x','expect':{'status':204,'negate':true}}},"
		"'backends':{'app':{},'redis':{'check':{'type':'redis'}}}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	c = check_of("app");
	assert_int_equal(c->kind, CHECK_KIND_HTTP);
	assert_true(c->disable_on_404);
	assert_int_equal(c->count, 3);
	assert_false(c->steps[0].connect.is_explicit);
	assert_int_equal(c->steps[1].kind, CHECK_STEP_SEND);
	assert_memory_equal(c->steps[1].send.at, "GET /h HTTP/1.1\r\n", 17);
	assert_int_equal(c->steps[2].expect.match, CHECK_MATCH_STATUS);
	assert_int_equal(c->steps[2].expect.range_count, 1);
	assert_int_equal(c->steps[2].expect.ranges[0].low, 204);
	assert_true(c->steps[2].expect.negate);
	assert_int_equal(check_of("redis")->kind, CHECK_KIND_TCP);
}

static void
steps_are_as_they_stand(void **state)
{
	const struct check_conf *c;

	compile("{'backends':{'app':{'check':{'type':'tcp','steps':["
		"{'action':'connect','port':81,'addr':'10.0.0.9','send_proxy':true,'linger':true,'comment':'c'},"
		"{'action':'send','data':'PING\\r\\n'},{'action':'send-binary','hex':'0d0a'},"
		"{'action':'expect','rstring':'^.PONG','min_recv':5,'ok_status':'L4OK','error_status':'L7STS','tout_status':'L4TOUT'},"
		"{'action':'expect','binary':'00','negate':true}]}}}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	c = check_of("app");
	assert_int_equal(c->count, 5);
	assert_int_equal(c->steps[0].connect.port, 81);
	assert_true(c->steps[0].connect.is_explicit);
	assert_true(c->steps[0].connect.send_proxy && c->steps[0].connect.linger);
	assert_int_equal(c->steps[0].connect.addr.sa.sa_family, AF_INET);
	assert_string_equal(c->steps[0].comment, "c");
	assert_int_equal(c->steps[1].send.len, 6);
	assert_int_equal(c->steps[2].send.len, 2);
	assert_int_equal(c->steps[3].expect.match, CHECK_MATCH_RSTRING);
	assert_int_equal(c->steps[3].expect.min_recv, 5);
	assert_int_equal(c->steps[3].expect.ok_status, CHECK_L4OK);
	assert_int_equal(c->steps[3].expect.error_status, CHECK_L7STS);
	assert_int_equal(c->steps[3].expect.tout_status, CHECK_L4TOUT);
	assert_int_equal(c->steps[4].expect.match, CHECK_MATCH_BINARY);
	assert_true(c->steps[4].expect.negate);
	assert_int_equal(c->steps[4].expect.min_recv, -1);
}

static void
what_a_header_s_value_must_be_is_said_by_match(void **state)
{
	static const struct { const char *header; enum check_value_match expected; } cases[] = {
		{ "{'name':'X'}", CHECK_VALUE_NONE },
		{ "{'name':'X','value':'v'}", CHECK_VALUE_STR },
		{ "{'name':'X','value':'v','match':'beg'}", CHECK_VALUE_BEG },
		{ "{'name':'X','value':'v','match':'end'}", CHECK_VALUE_END },
		{ "{'name':'X','value':'v','match':'sub'}", CHECK_VALUE_SUB },
		{ "{'name':'X','value':'v','match':'reg'}", CHECK_VALUE_REG },
	};
	char text[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text),
			 "{'backends':{'app':{'check':{'type':'http','expect':{'header':%s}}}}}",
			cases[i].header);
		compile(text);
		assert_int_equal(plan.verdict, PLAN_OK);
		assert_int_equal(check_of("app")->steps[2].expect.value_match, cases[i].expected);
		plan_fini(&plan);
	}
}

static void
what_the_schema_refuses_of_health_is_compiled_without_harm(void **state)
{
	static const char *const checks[] = {
		"5",
		"[]",
		"{}",
		"{'type':5}",
		"{'type':'x'}",
		"{'type':'http','headers':{'a':{'name':'b'}},'expect':[1]}",
		"{'type':'http','method':5,'uri':{},'version':[],'body':7,'headers':[5,{},{'name':5,'value':{}}],'expect':{'status':1e300}}",
		"{'type':'http','expect':{'header':5,'min_recv':'x','negate':1}}",
		"{'type':'http','expect':{'header':{'name':5,'value':{},'match':7}}}",
		"{'type':'tcp','steps':{'a':{'action':'send'}}}",
		("{'type':'tcp','steps':[5,{},{'action':7},{'action':'connect','port':1e300,'addr':5},{'action':'connect','addr':''},"
		 "{'action':'send'},{'action':'send-binary','hex':'x'},{'action':'expect','string':5},{'action':'expect','rstring':'('}]}"),
		"{'type':'http','steps':[{'action':'send','headers':5},{'action':'expect','status':'x'}]}",
		"{'type':'smtp','hello':5,'domain':{}}", "{'type':'smtp','domain':'a b'}",
	};
	char text[1024];

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		snprintf(
			text, sizeof(text),
			"{'global':{'max_checks':'x','spread_checks':99},'backends':{'app':{'check':%s,'servers':{'a':{"
			"'address':'10.0.0.1:80','track':5,'check':1,'check_port':1e300,'check_addr':5,'inter':-1,'rise':0,'init_state':7,"
			"'agent_check':true,'agent_addr':'x:','agent_send':7,'observe':5,'on_marked_up':1}}}}}",
			checks[i]);
		compile(text);
		assert_int_equal(plan.verdict, PLAN_INVALID);
		plan_fini(&plan);
	}
}

int
main(void)
{
#define health_test(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
	const struct CMUnitTest tests[] = {
		health_test(a_server_that_says_nothing_is_not_checked),
		health_test(a_server_has_what_it_says_and_what_it_inherits),
		health_test(what_a_server_inherits_gives_way),
		health_test(checks_begin_with_a_proxy_header_where_connections_do),
		health_test(a_backend_that_says_nothing_checks_by_a_connection),
		health_test(an_http_check_is_a_connection_a_request_and_what_is_expected),
		health_test(steps_are_as_they_stand),
		health_test(what_a_header_s_value_must_be_is_said_by_match),
		health_test(what_the_schema_refuses_of_health_is_compiled_without_harm),
	};

	return cmocka_run_group_tests_name("apply/settings_health", tests, NULL, NULL);
}
