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

struct slice
check_first_line(struct slice bytes)
{
	struct slice line;
	size_t next;

	(void)line_take(bytes, 0, &line, &next);
	return line;
}

static struct slice
line_trim(struct slice line)
{
	while (line.len > 0 && (*line.at == ' ' || *line.at == '\t')) {
		line.at++;
		line.len--;
	}
	while (line.len > 0 && (line.at[line.len - 1] == ' ' || line.at[line.len - 1] == '\t'))
		line.len--;
	return line;
}

/* To be read by people: without the blanks around it, and a tab is one. */
static void
line_tell(struct check_verdict *verdict, struct slice line)
{
	char text[CHECK_DETAIL_BYTES];
	size_t len = 0;

	line = line_trim(line);
	for (; len < line.len && len < sizeof(text); len++)
		text[len] = line.at[len] == '\t' ? ' ' : line.at[len];
	str_escape(verdict->detail, sizeof(verdict->detail), (struct slice){ text, len });
}

/*
 * As HAProxy has it: half of "drained" or of "100%" is not to be obeyed, and an empty line says nothing. An
 * end within the line is called a timeout there.
 */
static enum check_judged
agent_judge(struct judging *j, struct slice line, bool is_whole)
{
	if (!is_whole)
		return judge_fail(j, CHECK_L7RSP, "Ignoring incomplete line from agent");
	line_tell(j->verdict, line);
	return judge_pass(j);
}

/* Another one is told as it is. */
static enum check_judged
line_judge(struct judging *j)
{
	const bool is_agent = j->conf->kind == CHECK_KIND_AGENT;
	const struct check_expect *expect = &j->step->expect;
	char shown[LINE_SHOWN_BYTES];
	struct slice line;
	bool is_whole;

	if (j->bytes.len == 0)
		return j->is_end ? judge_empty(j) : CHECK_JUDGED_MORE;
	is_whole = line_take(j->bytes, 0, &line, &j->used);
	if (!is_whole && !j->is_end)
		return CHECK_JUDGED_MORE;
	if (is_agent)
		return agent_judge(j, line, is_whole);
	if (line.len == 0)
		return judge_empty(j);
	if (expect->text.len > 0 && !slice_equals(line, expect->text))
		return judge_fail(j, CHECK_L7RSP, "%s", str_escape(shown, sizeof(shown), line));
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
			return judge_fail(j, CHECK_L7RSP, "%s",
					  str_escape(shown, sizeof(shown), first));
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
	return judged == CHECK_JUDGED_FAIL ? judge_mismatch(j) : judged;
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
