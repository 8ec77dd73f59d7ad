/*
 * What checks, agents and traffic found out, and what it means for the server. Control thread.
 */
#include "config.h"
#include <stdarg.h>
#include <stdio.h>
#include "core/loop.h"
#include "core/str.h"
#include "server/agent.h"
#include "server/health.h"
#include "server/server_priv.h"

static void (*checked_fn)(const struct check_news *news);

void
server_on_checked(void (*fn)(const struct check_news *news))
{
	checked_fn = fn;
}

/* An agent that says nothing of health has no result: what was before and what follows are not new by that. */
static bool
verdict_differs(const struct check_verdict *a, const struct check_verdict *b)
{
	if (a->result == CHECK_CHECKED || b->result == CHECK_CHECKED)
		return false;
	return a->result != b->result || a->code != b->code;
}

/* Another result or code than the last one, or the counters moved. */
static void
verdict_tell(const struct server *server, enum check_source source,
	     const struct check_verdict *verdict, const struct check_verdict *last,
	     const struct health *health, uint16_t was)
{
	const bool is_up = health_is_up(health);
	struct check_news news = {
		.server = server,
		.source = source,
		.verdict = verdict,
		.is_change = verdict_differs(verdict, last) || health->value != was,
		.is_up = is_up,
		.progress = health_progress(health),
		.of = is_up ? health->fall : health->rise,
	};

	if (checked_fn != NULL)
		checked_fn(&news);
}

static void
verdict_keep(struct check_last *last, const struct check_verdict *verdict)
{
	last->verdict = *verdict;
	last->at_us = loop_self()->wall_us;
}

/*
 * "Layer7 wrong status, code 500: Internal Server Error in 0 ms, 3 of 3": as many as it takes, or as there were
 * where fewer did.
 */
static void
verdict_explain(char detail[SERVER_DETAIL_BYTES], const struct server *server,
		const struct check_verdict *verdict, bool is_pass)
{
	const uint32_t streak = server->health.streak;
	const uint32_t needed = is_pass ? server->health.check.rise : server->health.check.fall;
	struct buf out = { 0 };

	buf_puts(&out, check_result_words(verdict->result));
	if (verdict->code != 0)
		buf_printf(&out, ", code %u", verdict->code);
	if (verdict->detail[0] != '\0')
		buf_printf(&out, ": %s", verdict->detail);
	buf_printf(&out, " in %u ms", verdict->duration_ms);
	if (streak >= needed)
		buf_printf(&out, ", %u of %u", needed, needed);
	else
		buf_printf(&out, ", %u in a row", streak);
	buf_put(&out, "", 1);
	(void)snprintf(detail, SERVER_DETAIL_BYTES, "%s", out.failed ? "" : out.at);
	buf_fini(&out);
}

/* The first verdict may decide alone. */
static void
health_decide(struct health *health, bool is_pass)
{
	health->value = is_pass ? health->rise + health->fall - 1 : 0;
}

static void
server_count_verdict(struct server *server, bool is_pass)
{
	struct server_health *health = &server->health;

	health->streak = is_pass == health->streak_passes ? health->streak + 1 : 1;
	health->streak_passes = is_pass;
	if (!health->is_judged && server->conf->init_state == INIT_STATE_NONE)
		health_decide(&health->check, is_pass);
	else if (is_pass)
		health_pass(&health->check);
	else
		health_fail(&health->check);
	health->is_judged = true;
	health->is_hurried = false;
}

/* To a server that is down a 404 is a wrong status, and no way up (HAProxy manual, "http-check disable-on-404"). */
static struct check_verdict
verdict_of(const struct server_health *health, const struct check_verdict *found)
{
	struct check_verdict verdict = *found;

	if (check_result_outcome(found->result) == CHECK_IS_COND && !health_is_up(&health->check))
		verdict.result = CHECK_L7STS;
	return verdict;
}

/* Why it is down, if it is. */
static void
server_keep_fall(struct server *server, enum server_cause cause, const char *detail)
{
	server->health.fall_cause = cause;
	(void)snprintf(server->health.fall_detail, sizeof(server->health.fall_detail), "%s",
		       detail);
}

/* A check that counts, or what counts as one: then `observed` says what. */
static void
server_judge_health(struct server *server, const struct check_verdict *found, const char *observed)
{
	struct server_health *health = &server->health;
	const struct check_verdict last = health->last_check.verdict;
	const uint16_t was = health->check.value;
	const struct check_verdict verdict_now = verdict_of(health, found), *verdict = &verdict_now;
	const enum check_outcome outcome = check_result_outcome(verdict->result);
	const bool is_pass = outcome == CHECK_IS_PASS || outcome == CHECK_IS_COND;
	char detail[SERVER_DETAIL_BYTES];

	verdict_keep(&health->last_check, verdict);
	if (outcome != CHECK_IS_NONE)
		server_count_verdict(server, is_pass);
	if (is_pass)
		health->is_stopping = outcome == CHECK_IS_COND;
	verdict_tell(server, CHECK_OF_SERVER, verdict, &last, &health->check, was);
	if (outcome == CHECK_IS_NONE)
		return;
	verdict_explain(detail, server, verdict, is_pass);
	if (observed != NULL)
		server_keep_fall(server, SERVER_CAUSE_OBSERVED, observed);
	else if (!is_pass)
		server_keep_fall(server, SERVER_CAUSE_CHECK_FAILED, detail);
	server_update(server, SERVER_CAUSE_CHECK_PASSED, detail);
}

void
server_on_check(struct server *server, const struct check_verdict *verdict)
{
	assert_control();
	if (server_is_checked(server, CHECK_OF_SERVER))
		server_judge_health(server, verdict, NULL);
}

static const enum server_admin agent_admins[] = {
	[AGENT_READY] = SERVER_READY,
	[AGENT_DRAIN] = SERVER_DRAIN,
	[AGENT_MAINT] = SERVER_MAINT,
};

/* The line, for each thing that it speaks of. */
static void
server_keep_line(struct server *server, const struct agent_report *report, const char *line)
{
	const bool speaks[AGENT_SAYS] = {
		[AGENT_SAID_ADMIN] = report->admin != AGENT_ADMIN_NONE,
		[AGENT_SAID_HEALTH] = report->health != AGENT_HEALTH_NONE,
		[AGENT_SAID_WEIGHT] = report->weight_kind != AGENT_WEIGHT_NONE,
	};

	for (int i = 0; i < AGENT_SAYS; i++)
		if (speaks[i])
			(void)snprintf(server->health.agent_said[i], CHECK_DETAIL_BYTES, "%s",
				       line);
}

static void
server_take_report(struct server *server, const struct agent_report *report)
{
	struct server_health *health = &server->health;

	if (report->admin != AGENT_ADMIN_NONE)
		health->agent_admin = agent_admins[report->admin];
	if (report->weight_kind == AGENT_WEIGHT_PERCENT)
		health->agent_percent = (int32_t)report->weight;
	if (report->weight_kind == AGENT_WEIGHT_ABSOLUTE) {
		health->agent_percent = -1;
		health->agent_weight = report->weight < 256 ? (uint16_t)report->weight : 256;
	}
	if (report->has_maxconn)
		health->agent_maxconn = report->maxconn;
	if (report->health == AGENT_UP)
		health_pass(&health->agent);
	else if (report->health != AGENT_HEALTH_NONE)
		health_fail(&health->agent);
}

/* Whether its line came is one thing; the result is what it said of the server's health. */
static enum check_result
report_result(const struct agent_report *report)
{
	if (report->health == AGENT_HEALTH_NONE)
		return CHECK_CHECKED;
	return report->health == AGENT_UP ? CHECK_L7OK : CHECK_L7STS;
}

void
server_on_agent(struct server *server, const struct check_verdict *answer,
		const struct agent_report *report)
{
	struct server_health *health = &server->health;
	const struct check_verdict last = health->last_agent.verdict;
	const uint16_t was = health->agent.value;
	struct check_verdict verdict = *answer;
	char words[SERVER_DETAIL_BYTES];

	assert_control();
	if (!server_is_checked(server, CHECK_OF_AGENT))
		return;
	verdict.result = report_result(report);
	verdict_keep(&health->last_agent, &verdict);
	server_take_report(server, report);
	server_keep_line(server, report, verdict.detail);
	verdict_tell(server, CHECK_OF_AGENT, &verdict, &last, &health->agent, was);
	(void)snprintf(words, sizeof(words), "its agent said \"%s\"", verdict.detail);
	server_update(server, SERVER_CAUSE_AGENT, words);
}

void
server_on_agent_silent(struct server *server, const struct check_verdict *verdict)
{
	struct server_health *health = &server->health;
	const struct check_verdict last = health->last_agent.verdict;

	assert_control();
	if (!server_is_checked(server, CHECK_OF_AGENT))
		return;
	verdict_keep(&health->last_agent, verdict);
	verdict_tell(server, CHECK_OF_AGENT, verdict, &last, &health->agent, health->agent.value);
}

/*
 * HAProxy manual, "on-error". Sudden death leaves a server that was well one failure from its end; marking
 * down is that, and the failure.
 */
static void
health_forget_merits(struct health *health, enum on_error on_error)
{
	const uint16_t most = on_error == ON_ERROR_MARK_DOWN ? health->rise : health->rise + 1;

	if ((on_error == ON_ERROR_MARK_DOWN || on_error == ON_ERROR_SUDDEN_DEATH) &&
	    health->value > most)
		health->value = most;
}

void
server_on_observed(struct server *server, uint32_t count, const char *what)
{
	struct check_verdict verdict = { .result = CHECK_HANA };
	char words[SERVER_DETAIL_BYTES];

	assert_control();
	if (!server_is_checked(server, CHECK_OF_SERVER) || server->conf->observe == OBSERVE_NONE)
		return;
	if (server->conf->on_error != ON_ERROR_FASTINTER && health_is_up(&server->health.check)) {
		health_forget_merits(&server->health.check, server->conf->on_error);
		(void)snprintf(verdict.detail, sizeof(verdict.detail), "%s", what);
		(void)snprintf(words, sizeof(words), "%u errors in a row in traffic, the last: %s",
			       count, what);
		server_judge_health(server, &verdict, words);
	}
	server->health.is_hurried = true;
	if (server->check != NULL)
		check_hurry(server->check);
}
