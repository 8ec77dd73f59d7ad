/*
 * What an answer to a check is worth: what all kinds of checks have in common.
 */
#include "config.h"
#include <stdarg.h>
#include <stdio.h>
#include "expr/regex.h"
#include "server/check_conf_priv.h"
#include "server/check_judge_priv.h"

#define PATTERN_BYTES	48		/* of a pattern in a detail */
#define COMMENT_BYTES	64
#define HTTP_SHORT_STEPS 3		/* connect, send, expect */

static bool
hex_match(const struct regex *regex, struct slice bytes)
{
	static const char digits[] = "0123456789ABCDEF";
	char hex[2 * CHECK_REPLY_BYTES];
	const size_t len = bytes.len < CHECK_REPLY_BYTES ? bytes.len : CHECK_REPLY_BYTES;

	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = digits[(unsigned char)bytes.at[i] >> 4];
		hex[2 * i + 1] = digits[bytes.at[i] & 15];
	}
	return regex_match(regex, (struct slice){ hex, 2 * len }, NULL);
}

bool
judge_finds(const struct check_expect *expect, struct slice bytes)
{
	switch (expect->match) {
	case CHECK_MATCH_ANY:
		return bytes.len > 0;
	case CHECK_MATCH_STRING:
	case CHECK_MATCH_BINARY:
		return bytes.len >= expect->text.len &&
		       memmem(bytes.at, bytes.len, expect->text.at, expect->text.len) != NULL;
	case CHECK_MATCH_RSTRING:
	case CHECK_MATCH_RSTATUS:
		return regex_match(expect->regex, bytes, NULL);
	case CHECK_MATCH_RBINARY:
		return hex_match(expect->regex, bytes);
	case CHECK_MATCH_STATUS:
	case CHECK_MATCH_HEADER:
	case CHECK_MATCH_LINE:
	case CHECK_MATCH_REPLY:
		break;
	}
	return false;
}

/* Without min_recv what was not found may come yet; with it, the answer is what came. */
enum check_judged
judge_search(const struct check_expect *expect, struct slice bytes, bool is_all)
{
	const bool is_text = expect->match == CHECK_MATCH_STRING ||
			     expect->match == CHECK_MATCH_BINARY;
	size_t need = expect->min_recv > 0 ? (size_t)expect->min_recv : 1;

	if (is_text && expect->text.len > need)
		need = expect->text.len;
	if (!is_all && bytes.len < need)
		return CHECK_JUDGED_MORE;
	if (bytes.len == 0)
		return CHECK_JUDGED_FAIL;
	if (judge_finds(expect, bytes))
		return expect->negate ? CHECK_JUDGED_FAIL : CHECK_JUDGED_PASS;
	if (!is_all && expect->min_recv < 0)
		return CHECK_JUDGED_MORE;
	return expect->negate ? CHECK_JUDGED_PASS : CHECK_JUDGED_FAIL;
}

enum check_judged
judge_pass(struct judging *j)
{
	const enum check_result ok = j->step->expect.ok_status;

	j->verdict->result = ok == CHECK_UNKNOWN ? CHECK_L7OK : ok;
	return CHECK_JUDGED_PASS;
}

static void
detail_add(struct check_verdict *verdict, const char *before, const char *text)
{
	const size_t len = strlen(verdict->detail);

	snprintf(verdict->detail + len, sizeof(verdict->detail) - len, "%s%s",
		 len > 0 ? before : "", text);
}

/* Steps were written: HTTP's short form and presets are connect, send, expect, or replies. */
static bool
conf_has_steps(const struct check_conf *conf)
{
	if (conf->count == 1 || conf->kind == CHECK_KIND_AGENT)
		return false;
	for (uint32_t i = 0; i < conf->count; i++) {
		if (conf->steps[i].kind == CHECK_STEP_EXPECT &&
		    (conf->steps[i].expect.match == CHECK_MATCH_LINE ||
		     conf->steps[i].expect.match == CHECK_MATCH_REPLY))
			return false;
	}
	return conf->kind == CHECK_KIND_TCP || conf->steps[0].connect.is_explicit ||
	       conf->count > HTTP_SHORT_STEPS;
}

/* From 1 on; 0: it was not written. */
static unsigned
step_number(const struct check_conf *conf, const struct check_step *step)
{
	if (!conf_has_steps(conf))
		return 0;
	return (unsigned)(step - conf->steps) + conf->steps[0].connect.is_explicit;
}

enum check_judged
judge_fail(struct judging *j, enum check_result usual, const char *fmt, ...)
{
	const enum check_result error = j->step->expect.error_status;
	const unsigned number = step_number(j->conf, j->step);
	char text[COMMENT_BYTES];
	va_list ap;

	j->verdict->result = error == CHECK_UNKNOWN ? usual : error;
	va_start(ap, fmt);
	vsnprintf(j->verdict->detail, sizeof(j->verdict->detail), fmt, ap);
	va_end(ap);
	snprintf(text, sizeof(text), "at step %u", number);
	if (number > 0)
		detail_add(j->verdict, " ", text);
	if (j->step->comment != NULL)
		detail_add(j->verdict, ": ",
			   str_escape(text, sizeof(text), slice_of(j->step->comment)));
	return CHECK_JUDGED_FAIL;
}

/* In `where`, a whole noun: "the body". */
enum check_judged
judge_search_failed(struct judging *j, enum check_result usual, const char *where)
{
	const struct check_expect *expect = &j->step->expect;
	char shown[PATTERN_BYTES];

	if (expect->match == CHECK_MATCH_ANY)
		return judge_fail(j, usual, "%s is not what was expected", where);
	str_escape(shown, sizeof(shown), expect->text);
	if (expect->regex != NULL)
		return judge_fail(j, usual, "%s %s /%s/", where,
				  expect->negate ? "matches" : "does not match", shown);
	return judge_fail(j, usual, "%s %s \"%s\"", where,
			  expect->negate ? "contains" : "does not contain", shown);
}

/* expect string "PONG"; what is sent may be long, and a secret. */
static void
step_text(char *buf, size_t size, const struct check_step *step)
{
	char shown[PATTERN_BYTES];

	switch (step->kind) {
	case CHECK_STEP_CONNECT:
		if (step->connect.port != 0)
			snprintf(buf, size, "connect port %u", step->connect.port);
		else
			snprintf(buf, size, "connect");
		return;
	case CHECK_STEP_SEND:
		snprintf(buf, size, "send");
		return;
	case CHECK_STEP_EXPECT:
		snprintf(buf, size, "expect %s%s", step->expect.negate ? "not " : "",
			 check_match_name(step->expect.match));
		break;
	}
	if (step->expect.text.len > 0)
		snprintf(buf + strlen(buf), size - strlen(buf), " \"%s\"",
			 str_escape(shown, sizeof(shown), step->expect.text));
}

const char *
check_step_describe(char buf[CHECK_STEP_TEXT_BYTES], const struct check_conf *conf,
		    const struct check_step *step)
{
	const unsigned number = step_number(conf, step);
	char what[PATTERN_BYTES], comment[COMMENT_BYTES];

	buf[0] = '\0';
	if (number > 0) {
		step_text(what, sizeof(what), step);
		snprintf(buf, CHECK_STEP_TEXT_BYTES, "at step %u (%s)", number, what);
	}
	if (step->comment != NULL)
		snprintf(buf + strlen(buf), CHECK_STEP_TEXT_BYTES - strlen(buf), "%s%s",
			 number > 0 ? ": " : "",
			 str_escape(comment, sizeof(comment), slice_of(step->comment)));
	return buf;
}

enum check_judged
check_judge(const struct check_conf *conf, const struct check_step *step, struct slice bytes,
	    bool is_end, size_t *used, struct check_verdict *verdict)
{
	struct judging j = { conf, step, bytes, is_end, 0, verdict };
	enum check_judged judged;

	verdict->code = 0;
	verdict->detail[0] = '\0';
	*used = 0;
	if (step->kind != CHECK_STEP_EXPECT) {
		verdict->result = step->kind == CHECK_STEP_CONNECT ? CHECK_L4OK : CHECK_L7OK;
		return CHECK_JUDGED_PASS;
	}
	if (bytes.len >= CHECK_REPLY_BYTES) {
		j.bytes.len = CHECK_REPLY_BYTES;
		j.is_end = true;
	}
	judged = conf->kind == CHECK_KIND_HTTP ? check_judge_http(&j) : check_judge_tcp(&j);
	*used = j.used;
	return judged;
}
