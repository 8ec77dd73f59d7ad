/*
 * Answers that are bytes, lines or SMTP's replies.
 */
#include "config.h"
#include "server/check_judge_priv.h"

#define LINE_SHOWN_BYTES 96

/* The first line of `bytes` from `from` on, without its end; *next is behind it. False: its end is missing. */
static bool
line_take(struct slice bytes, size_t from, struct slice *line, size_t *next)
{
	size_t at = from;

	while (at < bytes.len && bytes.at[at] != '\r' && bytes.at[at] != '\n')
		at++;
	*line = (struct slice){ bytes.at + from, at - from };
	*next = at;
	if (at == bytes.len)
		return false;
	*next = at + 1;
	if (bytes.at[at] == '\r' && at + 1 < bytes.len && bytes.at[at + 1] == '\n')
		*next = at + 2;
	return true;
}

static enum check_judged
judge_empty(struct judging *j)
{
	return judge_fail(j, CHECK_L7RSP, "the answer is empty");
}

/* A tab is a space: an agent's words may be told apart by either, and shall be when the line is read again. */
static void
line_tell(struct check_verdict *verdict, struct slice line)
{
	char text[CHECK_DETAIL_BYTES];
	const size_t len = line.len < sizeof(text) ? line.len : sizeof(text);

	for (size_t i = 0; i < len; i++)
		text[i] = line.at[i] == '\t' ? ' ' : line.at[i];
	str_escape(verdict->detail, sizeof(verdict->detail), (struct slice){ text, len });
}

/* What it says is told, for good and bad. */
static enum check_judged
line_judge(struct judging *j)
{
	const struct check_expect *expect = &j->step->expect;
	char shown[LINE_SHOWN_BYTES];
	struct slice line;

	if (j->bytes.len == 0)
		return j->is_end ? judge_empty(j) : CHECK_JUDGED_MORE;
	if (!line_take(j->bytes, 0, &line, &j->used)) {
		if (!j->is_end)
			return CHECK_JUDGED_MORE;
		/* as in HAProxy: half of "drained" or of "100%" is not to be obeyed */
		if (j->conf->kind == CHECK_KIND_AGENT)
			return judge_fail(j, CHECK_L7RSP, "an incomplete line: %s",
					  str_escape(shown, sizeof(shown), line));
	}
	if (line.len == 0)
		return judge_empty(j);
	if (expect->text.len > 0 && !slice_equals(line, expect->text))
		return judge_fail(j, CHECK_L7RSP, "%s", str_escape(shown, sizeof(shown), line));
	line_tell(j->verdict, line);
	return judge_pass(j);
}

/* Three digits, and a dash (more lines follow), a space, or nothing. 0: it is no line of a reply. */
static uint16_t
reply_code(struct slice line)
{
	uint16_t code = 0;

	if (line.len < 3 || (line.len > 3 && line.at[3] != ' ' && line.at[3] != '-'))
		return 0;
	for (int i = 0; i < 3; i++) {
		if (line.at[i] < '0' || line.at[i] > '9')
			return 0;
		code = (uint16_t)(code * 10 + (line.at[i] - '0'));
	}
	return code;
}

/* The whole of it, RFC 5321, 4.2.1: its code and the text of its first line. */
static enum check_judged
reply_weigh(struct judging *j, struct slice first)
{
	const struct slice text = first.len > 4 ? (struct slice){ first.at + 4, first.len - 4 } :
						  (struct slice){ first.at, 0 };
	char shown[LINE_SHOWN_BYTES];

	j->verdict->code = reply_code(first);
	str_escape(shown, sizeof(shown), text);
	if (j->verdict->code / 100 != 2)
		return judge_fail(j, CHECK_L7STS, "%s", shown);
	memcpy(j->verdict->detail, shown, sizeof(shown));
	return judge_pass(j);
}

static enum check_judged
reply_judge(struct judging *j)
{
	struct slice line, first = { NULL, 0 };
	char shown[LINE_SHOWN_BYTES];
	bool is_last = false;

	if (j->bytes.len == 0)
		return j->is_end ? judge_empty(j) : CHECK_JUDGED_MORE;
	for (size_t at = 0; !is_last; at = j->used) {
		if (at == j->bytes.len && j->is_end)
			return judge_fail(j, CHECK_L7RSP, "the reply ends in its middle");
		if (!line_take(j->bytes, at, &line, &j->used) && !j->is_end)
			return CHECK_JUDGED_MORE;
		if (first.at == NULL)
			first = line;
		if (reply_code(line) == 0 || reply_code(line) != reply_code(first))
			return judge_fail(j, CHECK_L7RSP, "%s",
					  str_escape(shown, sizeof(shown), line));
		is_last = line.len == 3 || line.at[3] == ' ';
	}
	return reply_weigh(j, first);
}

static enum check_judged
bytes_judge(struct judging *j)
{
	enum check_judged judged = judge_search(&j->step->expect, j->bytes, j->is_end);

	j->used = j->bytes.len;
	if (judged == CHECK_JUDGED_PASS)
		return judge_pass(j);
	if (judged == CHECK_JUDGED_FAIL && j->bytes.len == 0)
		return judge_empty(j);
	return judged == CHECK_JUDGED_FAIL ?
		judge_search_failed(j, CHECK_L7RSP, "the answer") : judged;
}

enum check_judged
check_judge_tcp(struct judging *j)
{
	switch (j->step->expect.match) {
	case CHECK_MATCH_LINE:
		return line_judge(j);
	case CHECK_MATCH_REPLY:
		return reply_judge(j);
	case CHECK_MATCH_ANY:
	case CHECK_MATCH_STATUS:
	case CHECK_MATCH_RSTATUS:
	case CHECK_MATCH_STRING:
	case CHECK_MATCH_RSTRING:
	case CHECK_MATCH_BINARY:
	case CHECK_MATCH_RBINARY:
	case CHECK_MATCH_HEADER:
		break;
	}
	return bytes_judge(j);
}
