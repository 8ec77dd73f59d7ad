/*
 * An agent's line (HAProxy manual, "agent-check"). As HAProxy 2.6 does it: case does not matter, of several
 * words of a kind the last counts, and a word that begins with '#' opens the reason, which is the rest of
 * the line. "weight:" is of later HAProxys. Unlike HAProxy a number that cannot be meant (a maxconn below 0
 * or over 32 bits, which wraps there) changes nothing.
 *
 * Pure; any thread.
 */
#include "config.h"
#include "server/agent.h"
#include <strings.h>

/* More of any weight but 0 is over the largest one: a server may weigh 1..256, and 256 is what it is capped at. */
#define AGENT_PERCENT_MAX	25600
#define AGENT_WEIGHT_MAX	256

static const struct agent_word {
	struct slice		 text;
	enum agent_admin	 admin;
	enum agent_health	 health;
} agent_words[] = {
	{ SLICE("ready"),	AGENT_READY,		AGENT_HEALTH_NONE },
	{ SLICE("drain"),	AGENT_DRAIN,		AGENT_HEALTH_NONE },
	{ SLICE("maint"),	AGENT_MAINT,		AGENT_HEALTH_NONE },
	{ SLICE("up"),		AGENT_ADMIN_NONE,	AGENT_UP },
	{ SLICE("down"),	AGENT_ADMIN_NONE,	AGENT_DOWN },
	{ SLICE("fail"),	AGENT_ADMIN_NONE,	AGENT_FAIL },
	{ SLICE("stopped"),	AGENT_ADMIN_NONE,	AGENT_STOPPED },
};
#define AGENT_WORDS (sizeof(agent_words) / sizeof(agent_words[0]))

static bool
agent_word_is(struct slice word, struct slice text)
{
	return word.len == text.len && strncasecmp(word.at, text.at, text.len) == 0;
}

/* Digits alone, at least one; what is larger than UINT32_MAX is UINT32_MAX + 1. */
static bool
agent_number(struct slice text, uint64_t *value)
{
	uint64_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(text.at[i] - '0');
		if (n > UINT32_MAX)
			n = (uint64_t)UINT32_MAX + 1;
	}
	*value = n;
	return text.len > 0;
}

/* "75%" */
static bool
agent_percent(struct agent_report *report, struct slice text)
{
	uint64_t n;

	if (text.len == 0 || text.at[text.len - 1] != '%')
		return false;
	text.len--;
	if (!agent_number(text, &n))
		return false;
	report->weight_kind = AGENT_WEIGHT_PERCENT;
	report->weight = n < AGENT_PERCENT_MAX ? (uint32_t)n : AGENT_PERCENT_MAX;
	return true;
}

/* Behind "weight:" */
static bool
agent_take_weight(struct agent_report *report, struct slice text)
{
	uint64_t n;

	if (agent_percent(report, text))
		return true;
	if (!agent_number(text, &n) || n > AGENT_WEIGHT_MAX)
		return false;
	report->weight_kind = AGENT_WEIGHT_ABSOLUTE;
	report->weight = (uint32_t)n;
	return true;
}

/* Behind "maxconn:" */
static bool
agent_take_maxconn(struct agent_report *report, struct slice text)
{
	uint64_t n;

	if (!agent_number(text, &n) || n > UINT32_MAX)
		return false;
	report->has_maxconn = true;
	report->maxconn = (uint32_t)n;
	return true;
}

/* What has a value behind it. */
static const struct agent_setting {
	struct slice	 name;
	bool		(*take)(struct agent_report *report, struct slice text);
} agent_settings[] = {
	{ SLICE("weight:"),	agent_take_weight },
	{ SLICE("maxconn:"),	agent_take_maxconn },
	{ SLICE(""),		agent_percent },
};
#define AGENT_SETTINGS (sizeof(agent_settings) / sizeof(agent_settings[0]))

static bool
agent_take_setting(struct agent_report *report, struct slice word)
{
	for (size_t i = 0; i < AGENT_SETTINGS; i++) {
		const struct agent_setting *s = &agent_settings[i];

		if (word.len >= s->name.len && strncasecmp(word.at, s->name.at, s->name.len) == 0)
			return s->take(report, (struct slice){ word.at + s->name.len,
							       word.len - s->name.len });
	}
	return false;
}

static bool
agent_take_word(struct agent_report *report, struct slice word)
{
	for (size_t i = 0; i < AGENT_WORDS; i++) {
		const struct agent_word *w = &agent_words[i];

		if (!agent_word_is(word, w->text))
			continue;
		if (w->admin != AGENT_ADMIN_NONE)
			report->admin = w->admin;
		if (w->health != AGENT_HEALTH_NONE)
			report->health = w->health;
		return true;
	}
	return agent_take_setting(report, word);
}

static bool
agent_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == ',';
}

/* What `line` begins with goes from it: blanks and a word; its len is 0 at the end of the line. */
static struct slice
agent_next_word(struct slice *line)
{
	struct slice word;
	size_t i = 0;

	while (i < line->len && agent_is_blank(line->at[i]))
		i++;
	word = (struct slice){ line->at + i, 0 };
	while (i + word.len < line->len && !agent_is_blank(word.at[word.len]))
		word.len++;
	line->at += i + word.len;
	line->len -= i + word.len;
	return word;
}

static void
agent_keep_reason(struct agent_report *report, struct slice text)
{
	while (text.len > 0 && agent_is_blank(text.at[0])) {
		text.at++;
		text.len--;
	}
	while (text.len > 0 && agent_is_blank(text.at[text.len - 1]))
		text.len--;
	str_escape(report->reason, sizeof(report->reason), text);
}

bool
agent_report_says(const struct agent_report *report)
{
	return report->admin != AGENT_ADMIN_NONE || report->health != AGENT_HEALTH_NONE ||
	       report->weight_kind != AGENT_WEIGHT_NONE || report->has_maxconn;
}

bool
agent_parse(struct agent_report *report, struct slice line)
{
	struct slice word;

	*report = (struct agent_report){ .unknown = 0 };
	while ((word = agent_next_word(&line)).len > 0) {
		if (word.at[0] == '#') {
			agent_keep_reason(report, (struct slice){ word.at + 1,
				(size_t)(line.at + line.len - word.at) - 1 });
			break;
		}
		if (!agent_take_word(report, word) && report->unknown++ == 0)
			agent_keep_reason(report, word);
	}
	return agent_report_says(report);
}
