/*
 * What an answer to a check is worth: what all kinds of checks have in common.
 */
#include "config.h"
#include <stdarg.h>
#include <stdio.h>
#include "expr/regex.h"
#include "server/check_conf_priv.h"
#include "server/check_judge_priv.h"
#include "server/check_words_priv.h"

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

/* `usual`, if error_status says no other. */
static enum check_judged
judge_end(struct judging *j, enum check_result usual)
{
	const enum check_result error = j->step->expect.error_status;

	j->verdict->result = error == CHECK_UNKNOWN ? usual : error;
	return CHECK_JUDGED_FAIL;
}

enum check_judged
judge_fail(struct judging *j, enum check_result usual, const char *fmt, ...)
{
	char what[CHECK_DETAIL_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	check_words_answer(j->verdict->detail, j->conf, j->step, what);
	return judge_end(j, usual);
}

enum check_judged
judge_mismatch(struct judging *j)
{
	check_words_mismatch(j->verdict->detail, j->conf, j->step);
	return judge_end(j, CHECK_L7RSP);
}

enum check_judged
judge_empty(struct judging *j)
{
	check_words_empty(j->verdict->detail, j->conf, j->step);
	return judge_end(j, CHECK_L7RSP);
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
