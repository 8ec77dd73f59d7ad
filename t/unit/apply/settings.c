/*
 * Settings: what holds of each resource becomes plain C.
 */
#include "config.h"
#include "../doc/scene.h"
#include "adminapi/apply/settings.h"
#include "core/addr.h"
#include "core/log_priv.h"
#include "core/publish.h"
#include "http/h1.h"
#include "rules/rules.h"

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

/* Its targets' texts. */
static const char *
log_of(const char *frontend)
{
	const struct log_list *log =
		((const struct frontend_settings *)conf_of(frontend))->conf->access.logs[0].list;
	static char text[256];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; log != NULL && i < log->count; i++) {
		const struct log_target_conf *t = &log->targets[i]->conf;

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i == 0 ? "" : " ",
					t->place.text);
	}
	return text;
}

static void
a_log_is_the_nearest_list_an_empty_one_is_none(void **state)
{
	compile("{'global':{'log':[{'target':'stdout'}]},'profiles':{'p':{'log':[{'target':'stderr'}]}},"
		"'frontends':{'plain':{},'quiet':{'log':[]},'from':{'from':'p'},"
		"'own':{'from':'p','log':[{'target':'stdout'},{'target':'stderr'}]}}}");
	assert_string_equal(log_of("plain"), "stdout");
	assert_string_equal(log_of("quiet"), "");
	assert_string_equal(log_of("from"), "stderr");
	assert_string_equal(log_of("own"), "stdout stderr");
}

static void
a_log_target_is_what_its_words_say(void **state)
{
	const struct log_target_conf *t;
	const struct log_list *log;

	compile("{'frontends':{'web':{'log':[{'target':'udp:127.0.0.1','facility':'daemon','level':'notice',"
		"'minlevel':'err','len':80,'sample':'2:3','framing':'rfc5424'},{'target':'unix:/dev/log'},"
		"{'target':'file:/x'},{'target':'file:/x'},{'target':'tcp:[::1]:6514'}]}}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	log = ((const struct frontend_settings *)conf_of("web"))->conf->access.logs[0].list;
	assert_int_equal(log->count, 4);
	t = &log->targets[0]->conf;
	assert_int_equal(addr_port(&t->place.addr), 514);
	assert_int_equal(t->facility, 3);
	assert_int_equal(t->level, LOG_LEVEL_NOTICE);
	assert_int_equal(t->minlevel, LOG_LEVEL_ERROR);
	assert_int_equal(t->len, 80);
	assert_int_equal(t->sample.ranges[0].low, 2);
	assert_int_equal(t->framing, LOG_FRAMING_RFC5424);
	t = &log->targets[1]->conf;
	assert_int_equal(t->facility, 16);
	assert_int_equal(t->level, LOG_LEVEL_DEBUG);
	assert_int_equal(t->minlevel, LOG_LEVEL_EMERG);
	assert_int_equal(t->len, 1024);
	assert_int_equal(t->framing, LOG_FRAMING_LOCAL);
	assert_int_equal(log->targets[2]->conf.framing, LOG_FRAMING_RAW);
	assert_int_equal(log->targets[2]->conf.len, 8192);
	assert_int_equal(log->targets[3]->conf.framing, LOG_FRAMING_RFC3164);
}

static void
what_is_wrong_with_a_log_target_is_said_where_it_stands(void **state)
{
	compile("{'global':{'log':[{'target':'udp:nowhere'}]},"
		"'frontends':{'a':{},'b':{'log':[{'target':'stdout'},{'target':'file:x','sample':'5:3'}]}}}");
	assert_int_equal(plan.verdict, PLAN_INVALID);
	assert_int_equal(plan.issues.count, 3);
	for (uint32_t i = 0; i < 3; i++) {
		static const char *const places[] = { "/global/log/0/target",
			"/frontends/b/log/1/sample", "/frontends/b/log/1/target" };
		bool found = false;

		for (uint32_t k = 0; k < 3; k++)
			found = found || strcmp(plan.issues.items[k].pointer, places[i]) == 0;
		assert_true(found);
	}
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

/* -- mode http -- */

static void
a_mode_is_inherited_and_decides_which_fields_hold(void **state)
{
	const struct backend_conf *b;
	const struct frontend_settings *f;

	compile("{'defaults':{'mode':'http','http_reuse':'always','forwardfor':true},'frontends':{'h':{},"
		"'t':{'mode':'tcp'}},'backends':{'hb':{},'tb':{'mode':'tcp'}}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	b = conf_of("hb");
	assert_int_equal(b->mode, MODE_HTTP);
	assert_int_equal(b->http.reuse, HTTP_REUSE_ALWAYS);
	assert_true(b->http.forwardfor.on);
	assert_int_equal(b->timeout_tunnel, 3600000);
	assert_false(b->tunnel_set);
	b = conf_of("tb");
	assert_int_equal(b->mode, MODE_TCP);
	assert_false(b->http.forwardfor.on);
	assert_true(b->timeout_tunnel == TIMEOUT_NONE);
	f = conf_of("h");
	assert_int_equal(f->conf->mode, MODE_HTTP);
	assert_true(f->conf->http.forwardfor.on);
	assert_int_equal(f->conf->http.timeout_request, 10000);
	assert_int_equal(f->conf->http.timeout_keep_alive, 60000);
	f = conf_of("t");
	assert_int_equal(f->conf->mode, MODE_TCP);
	assert_false(f->conf->http.forwardfor.on);
	assert_true(f->conf->http.timeout_request == TIMEOUT_NONE);
}

static void
a_backend_of_mode_http_that_says_nothing_is_safe_and_strict(void **state)
{
	const struct backend_conf *b;

	compile("{'backends':{'app':{'mode':'http'}}}");
	b = conf_of("app");
	assert_int_equal(b->http.reuse, HTTP_REUSE_SAFE);
	assert_int_equal(b->http.retry_on, RETRY_ON_CONN_FAILURE);
	assert_int_equal(b->http.retry_on_statuses, 0);
	assert_int_equal(b->http.h1_options, 0);
	assert_false(b->http.forwardfor.on || b->http.originalto.on || b->http.forwarded.on);
	assert_null(b->rules);
	for (int i = 0; i < HTTP_ERROR_COUNT; i++)
		assert_null(b->http.errors.own[i]);
}

static void
words_of_retry_on_are_bits(void **state)
{
	const struct backend_conf *b;

	compile("{'defaults':{'mode':'http'},'backends':{'none':{'retry_on':['none']},"
		"'all':{'retry_on':['all-retryable-errors','429']},'some':{'retry_on':['empty-response','404']}}}");
	assert_int_equal(((const struct backend_conf *)conf_of("none"))->http.retry_on, 0);
	b = conf_of("all");
	assert_int_equal(b->http.retry_on, 0xf);
	assert_int_equal(b->http.retry_on_statuses,
		retry_on_status_bit(429) | retry_on_status_bit(500) | retry_on_status_bit(502) |
		retry_on_status_bit(503) | retry_on_status_bit(504));
	b = conf_of("some");
	assert_int_equal(b->http.retry_on, RETRY_ON_EMPTY_RESPONSE);
	assert_int_equal(b->http.retry_on_statuses, retry_on_status_bit(404));
}

static void
how_strict_a_parser_is(void **state)
{
	const struct frontend_settings *f;

	compile("{'defaults':{'mode':'http'},'frontends':{'plain':{},'delete':{'http_restrict_req_hdr_names':'delete'},"
		"'both':{'http_restrict_req_hdr_names':'reject','accept_unsafe_violations_in_http_request':true}},"
		"'backends':{'app':{'accept_unsafe_violations_in_http_response':true},"
		"'names':{'http_restrict_req_hdr_names':'delete'}}}");
	f = conf_of("plain");
	assert_int_equal(f->conf->http.h1_options, 0);
	f = conf_of("delete");
	assert_int_equal(f->conf->http.h1_options, H1_NAMES_DELETE);
	f = conf_of("both");
	assert_int_equal(f->conf->http.h1_options, H1_NAMES_REJECT | H1_RELAXED);
	assert_int_equal(((const struct backend_conf *)conf_of("app"))->http.h1_options,
		H1_RELAXED);
	assert_int_equal(((const struct backend_conf *)conf_of("app"))->http.h1_names, 0);
	assert_int_equal(((const struct backend_conf *)conf_of("names"))->http.h1_names,
		H1_NAMES_DELETE);
}

static void
who_asked_is_told_as_the_object_says(void **state)
{
	const struct http_forwardfor *to;
	const struct http_forwarded *by;
	const struct frontend_settings *f;

	compile("{'defaults':{'mode':'http'},'frontends':{'web':{'originalto':{'header':'X-To','except':'10.0.0.0/8'}}},"
		"'backends':{'app':{'forwardfor':{'if_none':true,'except':['127.0.0.1','::1']},'forwarded':true},"
		"'by':{'forwarded':{'by':true,'for_port':true}},'off':{'forwardfor':false}}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	f = conf_of("web");
	to = &f->conf->http.originalto;
	assert_true(to->on && !to->if_none);
	assert_int_equal(to->except_count, 1);
	assert_string_equal(to->header, "X-To");
	to = &((const struct backend_conf *)conf_of("app"))->http.forwardfor;
	assert_true(to->on && to->if_none);
	assert_int_equal(to->except_count, 2);
	assert_null(to->header);
	by = &((const struct backend_conf *)conf_of("app"))->http.forwarded;
	assert_true(by->on && by->proto && by->for_ && !by->by && !by->host && !by->for_port);
	by = &((const struct backend_conf *)conf_of("by"))->http.forwarded;
	assert_true(by->on && by->by && by->for_port && !by->proto && !by->for_ && !by->by_port);
	assert_false(((const struct backend_conf *)conf_of("off"))->http.forwardfor.on);
}

static void
a_server_keeps_idle_connections_as_it_says(void **state)
{
	const struct server_conf *s;

	compile("{'backends':{'app':{'mode':'http','default_server':{'pool_max_conn':5,'send_proxy_v2':true},'servers':{"
		"'plain':{'address':'10.0.0.1:80','proxy_v2_options':['crc32c']},"
		"'own':{'address':'10.0.0.2:80','pool_max_conn':-1,'pool_purge_delay':'0','pool_low_conn':2,'max_reuse':3,"
		"'send_proxy_v2':false,'send_proxy':true}}}}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	s = conf_of("plain");
	assert_int_equal(s->pool_max_conn, 5);
	assert_int_equal(s->pool_purge_delay, 5000);
	assert_int_equal(s->pool_low_conn, 0);
	assert_int_equal(s->max_reuse, -1);
	assert_int_equal(s->send_proxy.version, 2);
	assert_int_equal(s->send_proxy.options, PROXY_SEND_CRC32C);
	s = conf_of("own");
	assert_int_equal(s->pool_max_conn, -1);
	assert_int_equal(s->pool_purge_delay, 0);
	assert_int_equal(s->pool_low_conn, 2);
	assert_int_equal(s->max_reuse, 3);
	assert_int_equal(s->send_proxy.version, 1);
	assert_int_equal(s->send_proxy.options, 0);
}

static void
a_bind_knows_who_sends_a_proxy_header(void **state)
{
	const struct frontend_settings *f;

	compile("{'frontends':{'web':{'bind':['127.0.0.1:1',{'address':'127.0.0.1:2','accept_proxy':true},"
		"{'address':'127.0.0.1:3','accept_proxy':['10.0.0.0/8','::1']},{'address':'127.0.0.1:4','accept_proxy':false}]}}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	f = conf_of("web");
	assert_false(f->conf->bind_confs[0].accept_proxy || f->conf->bind_confs[3].accept_proxy);
	assert_true(f->conf->bind_confs[1].accept_proxy && f->conf->bind_confs[2].accept_proxy);
	assert_int_equal(f->conf->bind_confs[1].proxy_from_count, 0);
	assert_int_equal(f->conf->bind_confs[2].proxy_from_count, 2);
}

static void
rules_are_as_they_stand(void **state)
{
	const struct frontend_settings *f;
	const struct rules *r;

	compile("{'frontends':{'web':{'mode':'http','rules':["
		"{'id':'a','action':'deny','deny_status':429,'unless':'{ path /x }'},"
		"{'action':'return','status':404,'content_type':'text/plain','string':'no','headers':[{'name':'A','value':'b'}]},"
		"{'action':'redirect','prefix':'https://x','code':308,'drop_query':true,'set_cookie':'c=1'},"
		"{'action':'use_backend','backend':'app','if':'{ path / }'}]}},'backends':{'app':{'mode':'http'}}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	f = conf_of("web");
	r = f->conf->rules;
	assert_int_equal(r->count, 4);
	assert_string_equal(r->rules[0].id, "a");
	assert_int_equal(r->rules[0].action, RULE_DENY);
	assert_int_equal(r->rules[0].status, 429);
	assert_true(r->rules[0].cond != NULL && r->rules[0].unless);
	assert_int_equal(r->rules[1].action, RULE_RETURN);
	assert_string_equal(r->rules[1].id, "rule-1");
	assert_int_equal(r->rules[1].answer->status, 404);
	assert_int_equal(r->rules[1].answer->body.len, 2);
	assert_non_null(memmem(r->rules[1].answer->head.at, r->rules[1].answer->head.len,
			       "\r\nA: b\r\n", 8));
	assert_int_equal(r->rules[2].kind, REDIRECT_PREFIX);
	assert_int_equal(r->rules[2].status, 308);
	assert_non_null(r->rules[2].value);
	assert_true(r->rules[2].drop_query && !r->rules[2].append_slash);
	assert_non_null(strstr(r->rules[2].text, "c=1"));
	assert_int_equal(r->rules[3].phase, PHASE_USE_BACKEND);
	assert_string_equal(r->rules[3].ref->name, "app");
	assert_true(r->rules[3].cond != NULL && !r->rules[3].unless);
	assert_null(r->rules[3].ref->object);
}

/* Of each action something, in one list: they are sorted into phases. */
static void
every_action_has_its_operands(void **state)
{
	const struct rules *r;

	compile("{'frontends':{'web':{'mode':'http','acls':{'a':['path /x']},'rules':["
		"{'action':'set-status','phase':'http-response','status':299,'reason':'well'},"
		"{'action':'del-header','name':'X-','match':'beg'},"
		"{'action':'del-header','name':'^x-','match':'reg'},"
		"{'action':'replace-path','match':'/a','value':'/b'},"
		"{'action':'set-timeout','timeout':'tunnel','value':'2s'},"
		"{'action':'set-log-level','level':'silent'},"
		"{'action':'wait-for-body','time':'1s','at_least':'1k'},"
		"{'action':'set-var','name':'txn.a','value':'b','if':'a'},"
		"{'action':'capture','expr':'path','len':9},"
		"{'action':'return','lf_string':'%[path]','content_type':'a/b','headers':[{'name':'A','value':'%[path]'}]},"
		"{'action':'tarpit'},"
		"{'action':'inspect-delay','phase':'tcp-request-content','delay':100}]}}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	r = ((const struct frontend_settings *)conf_of("web"))->conf->rules;
	assert_int_equal(r->inspect_ms[PHASE_TCP_REQUEST_CONTENT], 100);
	assert_int_equal(r->phase[PHASE_HTTP_REQUEST].count, 10);
	assert_int_equal(r->rules[1].name_match, NAME_BEG);
	assert_non_null(r->rules[2].regex);
	assert_true(r->rules[3].regex != NULL && r->rules[3].value != NULL);
	assert_int_equal(r->rules[4].timeout, RULE_TIMEOUT_TUNNEL);
	assert_int_equal(r->rules[4].number, 2000);
	assert_int_equal(r->rules[5].number, RULE_LEVEL_SILENT);
	assert_int_equal(r->rules[6].bytes, 1024);
	assert_true(r->rules[7].value != NULL && r->rules[7].cond != NULL);
	assert_int_equal(r->rules[8].number, 0);
	assert_true(r->rules[9].answer == NULL && r->rules[9].body != NULL);
	assert_int_equal(r->rules[9].header_count, 1);
	assert_int_equal(r->rules[10].status, 500);
	assert_int_equal(r->rules[11].status, 299);
	assert_string_equal(r->rules[11].text, "well");
}

static void
pages_of_the_document_are_in_their_places(void **state)
{
	const struct backend_conf *b;
	const struct http_answer *page;

	compile("{'backends':{'app':{'mode':'http','http_errors':{'503':{'content_type':'text/plain','body':'later'},'404':{}}}}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	b = conf_of("app");
	page = b->http.errors.own[HTTP_ERROR_503];
	assert_int_equal(page->status, 503);
	assert_int_equal(page->body.len, 5);
	assert_int_equal(b->http.errors.own[HTTP_ERROR_404]->body.len, 0);
	assert_null(b->http.errors.own[HTTP_ERROR_500]);
}

static void
pages_are_inherited_one_by_one(void **state)
{
	const struct backend_conf *b;
	const struct http_answer *page;

	compile("{'defaults':{'mode':'http','http_errors':{'503':{'content_type':'text/plain','body':'later'},"
		"'404':{'content_type':'text/plain','body':'none'}}},"
		"'backends':{'app':{'http_errors':{'404':{},'502':{}}},'nothing':{'http_errors':{}},'tcp':{'mode':'tcp'}}}");
	assert_int_equal(plan.verdict, PLAN_OK);
	b = conf_of("app");
	page = b->http.errors.own[HTTP_ERROR_503];
	assert_int_equal(page->body.len, 5);
	assert_int_equal(b->http.errors.own[HTTP_ERROR_404]->body.len, 0);
	assert_non_null(b->http.errors.own[HTTP_ERROR_502]);
	b = conf_of("nothing");
	assert_int_equal(b->http.errors.own[HTTP_ERROR_404]->body.len, 4);
	b = conf_of("tcp");
	assert_null(b->http.errors.own[HTTP_ERROR_404]);
}

static void
what_the_schema_refuses_of_http_is_compiled_without_harm(void **state)
{
	compile("{'defaults':{'mode':'http','errorfiles':{'503':5},'retry_on':{'a':'none'},'forwarded':[1]},"
		"'frontends':{'web':{'bind':[{'address':'127.0.0.1:1','accept_proxy':{'a':'x'}}],'timeout':{'http_request':{}},"
		"'forwardfor':{'except':{'a':'b'},'header':5},'originalto':'x','http_restrict_req_hdr_names':5,"
		"'errorfiles':[1],'http_errors':{'5x':{},'503':5,'502':{'body':5,'headers':{'a':{'name':'b','value':'c'}}},"
		"'500':{'body':'x','content_type':'a\\nb','headers':[1,{'name':'a b','value':'c'}]}},"
		"'rules':[1,{},{'action':5},{'action':'redirect','location':5},{'action':'redirect','location':'a\\nb'},"
		"{'action':'return','status':1e300},{'action':'return','status':-1,'string':{}},{'action':'deny','deny_status':99,'if':5},"
		"{'action':'use_backend','backend':7},{'action':'redirect','scheme':'x','code':200,'set_cookie':'a\\nb'}]}},"
		"'backends':{'app':{'rules':{'a':{'action':'deny'}},'http_reuse':5,'retry_on':[5],"
		"'servers':{'s':{'address':'1.1.1.1:1','pool_max_conn':1e300,'pool_purge_delay':-5,'max_reuse':{},"
		"'send_proxy':5,'proxy_v2_options':{'a':'crc32c'}}}}}}");
	assert_int_equal(plan.verdict, PLAN_INVALID);
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
		settings_test(a_log_target_is_what_its_words_say),
		settings_test(what_is_wrong_with_a_log_target_is_said_where_it_stands),
		settings_test(the_process_has_what_is_built_in),
		settings_test(the_admin_server_listens_on_loopback_only),
		settings_test(an_address_that_is_none_is_told_where_it_stands),
		settings_test(what_the_schema_refuses_is_compiled_without_harm),
		settings_test(a_mode_is_inherited_and_decides_which_fields_hold),
		settings_test(a_backend_of_mode_http_that_says_nothing_is_safe_and_strict),
		settings_test(words_of_retry_on_are_bits),
		settings_test(how_strict_a_parser_is),
		settings_test(who_asked_is_told_as_the_object_says),
		settings_test(a_server_keeps_idle_connections_as_it_says),
		settings_test(a_bind_knows_who_sends_a_proxy_header),
		settings_test(rules_are_as_they_stand),
		settings_test(every_action_has_its_operands),
		settings_test(pages_of_the_document_are_in_their_places),
		settings_test(pages_are_inherited_one_by_one),
		settings_test(what_the_schema_refuses_of_http_is_compiled_without_harm),
	};

	return cmocka_run_group_tests_name("apply/settings", tests, NULL, NULL);
}
