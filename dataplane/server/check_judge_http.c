/*
 * Answers that are HTTP responses (HAProxy manual, "http-check expect").
 *
 * Read by the parser of the traffic, as strictly but for one thing: a bare LF ends a line of the head, as many
 * a script that answers checks has it ("echo"). Interim responses (1xx) are passed over. A status or a header
 * is judged as soon as the head is there; a string, as soon as it has come; all else by the whole body, or by
 * what there was of it at its end, as HAProxy does. Where another request follows on the connection, the
 * whole answer is waited for, so that the next one begins where it should.
 */
#include "config.h"
#include "expr/regex.h"
#include "http/body.h"
#include "http/h1.h"
#include "server/check_conf_priv.h"
#include "server/check_judge_priv.h"

#define SHOWN_BYTES	 80
#define STATUS_OK_FIRST	 200		/* without an expect: 2xx and 3xx */
#define STATUS_OK_LAST	 399
#define STATUS_NOT_FOUND 404
#define STATUS_SWITCHING 101

/* An answer as far as it has come. */
struct answer {
	struct http_field	 fields[HTTP_FIELDS_MAX];
	struct http_head	 head;
	struct slice		 body;		/* its data */
	size_t			 used;		/* bytes of head and body */
	bool			 is_whole;
	enum http_fault		 fault;		/* of its body */
	char			 data[CHECK_REPLY_BYTES];	/* where the body's data does not lie in one piece */
	char			 lines[2 * CHECK_REPLY_BYTES];	/* a head whose lines ended otherwise */
};

/* What the answer answers: it decides whether there is a body, and whether 101 was asked for. */
static const struct check_step *
step_request(const struct judging *j)
{
	const struct check_step *step = j->step;

	while (step > j->conf->steps && step->kind != CHECK_STEP_SEND)
		step--;
	return step->kind == CHECK_STEP_SEND ? step : NULL;
}

/* Does a request follow before the connection ends? */
static bool
step_stays(const struct judging *j)
{
	const struct check_step *step = j->step, *end = j->conf->steps + j->conf->count;

	while (step < end && step->kind == CHECK_STEP_EXPECT)
		step++;
	return step < end && step->kind == CHECK_STEP_SEND;
}

static enum check_judged
head_missing(struct judging *j, size_t from)
{
	if (!j->is_end)
		return CHECK_JUDGED_MORE;
	if (j->bytes.len == 0)
		return judge_empty(j);
	if (j->bytes.len == CHECK_REPLY_BYTES)
		return judge_fail(j, CHECK_L7RSP, "the head of the answer is over %d bytes",
				  CHECK_REPLY_BYTES);
	return judge_fail(j, CHECK_L7RSP, "the answer ends %s",
			  from == j->bytes.len ? "behind a 1xx" : "within its head");
}

/*
 * A copy whose lines end in CR LF, up to the empty line (or as far as it has come). *added: bytes that were not
 * there; 0: there was nothing to mend, and no copy.
 */
static struct slice
head_mend(struct answer *a, struct slice bytes, size_t *added)
{
	size_t len = 0, line = 0;
	bool is_last = false;

	*added = 0;
	for (size_t i = 0; i < bytes.len && !is_last; i++) {
		const bool is_lf = bytes.at[i] == '\n';

		if (is_lf && (i == 0 || bytes.at[i - 1] != '\r')) {
			a->lines[len++] = '\r';
			++*added;
		}
		a->lines[len++] = bytes.at[i];
		is_last = is_lf && len == line + 2 && line > 0;
		if (is_lf)
			line = len;
	}
	return *added == 0 ? bytes : (struct slice){ a->lines, len };
}

/* One response's head. *len: its bytes. */
static enum h1_result
head_parse(struct answer *a, struct slice bytes, const struct http_head *asked, size_t *len,
	   enum http_fault *fault)
{
	struct h1_parse parse = { .options = 0 };
	struct slice mended;
	enum h1_result result;
	size_t added = 0;

	a->head = (struct http_head){ .fields = a->fields };
	result = h1_parse_response(&parse, &a->head, bytes.at, bytes.len, asked);
	mended = result == H1_BAD ? head_mend(a, bytes, &added) : bytes;
	if (added > 0) {
		parse = (struct h1_parse){ .options = 0 };
		a->head = (struct http_head){ .fields = a->fields };
		result = h1_parse_response(&parse, &a->head, mended.at, mended.len, asked);
	}
	*len = result == H1_DONE ? parse.head_len - added : 0;
	*fault = parse.fault;
	return result;
}

/* The head of the final response. Not PASS: nothing else is to be done. */
static enum check_judged
head_read(struct judging *j, struct answer *a)
{
	const struct check_step *step = step_request(j);
	struct http_field asked_fields[HTTP_FIELDS_MAX];
	struct http_head asked;
	enum http_fault fault;
	size_t from = 0, len;

	a->head = (struct http_head){ .fields = a->fields };
	a->used = 0;
	if (step != NULL)
		(void)check_request_read(step->send, &asked, asked_fields);
	do {
		const struct slice rest = { j->bytes.at + from, j->bytes.len - from };

		if (rest.len == 0)
			return head_missing(j, from);
		switch (head_parse(a, rest, step == NULL ? NULL : &asked, &len, &fault)) {
		case H1_DONE:
			break;
		case H1_MORE:
			return head_missing(j, from);
		case H1_BAD:
			return judge_fail(j, CHECK_L7RSP, "no valid HTTP answer: %s",
					  http_fault_name(fault));
		}
		from += len;
	} while (a->head.status < 200 && a->head.status != STATUS_SWITCHING);
	a->used = from;
	return CHECK_JUDGED_PASS;
}

/* Chunked: its data is put together. */
static void
body_join(struct answer *a, struct http_body *body, struct slice rest)
{
	struct http_span span;
	size_t at = 0;

	a->body = (struct slice){ a->data, 0 };
	while (at < rest.len && !body->done) {
		if (!http_body_next(body, rest.at + at, rest.len - at, &span)) {
			a->fault = body->fault;
			break;
		}
		if (span.kind == HTTP_SPAN_DATA) {
			memcpy(a->data + a->body.len, rest.at + at, span.len);
			a->body.len += span.len;
		}
		at += span.len;
	}
	a->used += at;
}

static void
body_read(struct judging *j, struct answer *a)
{
	struct slice rest = { j->bytes.at + a->used, j->bytes.len - a->used };
	struct http_body body;

	a->fault = HTTP_FAULT_NONE;
	http_body_init(&body, &a->head);
	if (a->head.framing == HTTP_BODY_CHUNKED) {
		body_join(a, &body, rest);
		a->is_whole = body.done;
		return;
	}
	if (a->head.framing == HTTP_NO_BODY || a->head.framing == HTTP_TUNNEL)
		rest.len = 0;
	else if (a->head.framing == HTTP_BODY_LENGTH && rest.len > a->head.length)
		rest.len = (size_t)a->head.length;
	a->body = rest;
	a->used += rest.len;
	a->is_whole = a->head.framing == HTTP_BODY_LENGTH ? rest.len == a->head.length :
							    a->head.framing != HTTP_BODY_TO_EOF;
}

static bool
status_fits(const struct check_expect *expect, uint16_t status)
{
	const char digits[] = { (char)('0' + status / 100), (char)('0' + status / 10 % 10),
				(char)('0' + status % 10) };

	if (expect->match == CHECK_MATCH_ANY)
		return status >= STATUS_OK_FIRST && status <= STATUS_OK_LAST;
	if (expect->match == CHECK_MATCH_RSTATUS)
		return regex_match(expect->regex, (struct slice){ digits, sizeof(digits) }, NULL);
	for (uint32_t i = 0; i < expect->range_count; i++) {
		if (status >= expect->ranges[i].low && status <= expect->ranges[i].high)
			return true;
	}
	return false;
}

static bool
value_fits(const struct check_expect *expect, struct slice value)
{
	const struct slice want = expect->value;
	const size_t over = value.len - want.len;	/* used only where it is long enough */

	switch (expect->value_match) {
	case CHECK_VALUE_NONE:
		return true;
	case CHECK_VALUE_STR:
		return slice_equals(value, want);
	case CHECK_VALUE_BEG:
		return value.len >= want.len && memcmp(value.at, want.at, want.len) == 0;
	case CHECK_VALUE_END:
		return value.len >= want.len && memcmp(value.at + over, want.at, want.len) == 0;
	case CHECK_VALUE_SUB:
		return value.len >= want.len &&
		       memmem(value.at, value.len, want.at, want.len) != NULL;
	case CHECK_VALUE_REG:
		return regex_match(expect->regex, value, NULL);
	}
	return false;
}

/* A value fits as a whole, or a member of it as a list (HAProxy: "fhdr", or "hdr"). */
static bool
header_fits(const struct check_expect *expect, const struct http_head *head)
{
	const struct http_field *f = NULL;
	struct slice list, member;

	while ((f = http_head_find_named(head, expect->text, f)) != NULL) {
		list = http_field_value(f);
		if (value_fits(expect, list))
			return true;
		while (http_list_next(&list, &member)) {
			if (value_fits(expect, member))
				return true;
		}
	}
	return false;
}

static enum check_judged
status_judge(struct judging *j, const struct answer *a)
{
	char reason[SHOWN_BYTES];

	if (status_fits(&j->step->expect, a->head.status) != j->step->expect.negate)
		return CHECK_JUDGED_PASS;
	return judge_fail(j, CHECK_L7STS, "%s",
			  str_escape(reason, sizeof(reason), a->head.reason));
}

static enum check_judged
header_judge(struct judging *j, const struct answer *a)
{
	const struct check_expect *expect = &j->step->expect;
	char name[SHOWN_BYTES];
	const char *why = expect->negate ? "is there" : "is missing";

	if (header_fits(expect, &a->head) != expect->negate)
		return CHECK_JUDGED_PASS;
	if (http_head_find_named(&a->head, expect->text, NULL) != NULL &&
	    expect->value_match != CHECK_VALUE_NONE)
		why = expect->negate ? "has the unwanted value" : "has another value";
	return judge_fail(j, CHECK_L7STS, "header \"%s\" %s",
			  str_escape(name, sizeof(name), expect->text), why);
}

/* What more might come can make a regex match that did not, and the other way round. */
static enum check_judged
body_judge(struct judging *j, const struct answer *a)
{
	const struct check_expect *expect = &j->step->expect;
	const bool is_all = a->is_whole || j->is_end || a->fault != HTTP_FAULT_NONE;
	enum check_judged judged = CHECK_JUDGED_MORE;

	if (is_all || expect->min_recv >= 0 || expect->match == CHECK_MATCH_STRING)
		judged = judge_search(expect, a->body, is_all);
	if (a->fault != HTTP_FAULT_NONE &&
	    !(expect->match == CHECK_MATCH_STRING && judge_finds(expect, a->body)))
		return judge_fail(j, CHECK_L7RSP, "no valid HTTP answer: %s",
				  http_fault_name(a->fault));
	if (judged != CHECK_JUDGED_FAIL)
		return judged;
	if (a->body.len == 0)
		return judge_fail(j, CHECK_L7RSP,
				  "HTTP content check could not find a response body");
	return judge_mismatch(j);
}

static enum check_judged
answer_judge(struct judging *j, const struct answer *a)
{
	switch (j->step->expect.match) {
	case CHECK_MATCH_ANY:
	case CHECK_MATCH_STATUS:
	case CHECK_MATCH_RSTATUS:
		return status_judge(j, a);
	case CHECK_MATCH_HEADER:
		return header_judge(j, a);
	case CHECK_MATCH_STRING:
	case CHECK_MATCH_RSTRING:
	case CHECK_MATCH_BINARY:
	case CHECK_MATCH_RBINARY:
	case CHECK_MATCH_LINE:
	case CHECK_MATCH_REPLY:
		break;
	}
	return body_judge(j, a);
}

/* It goes before what was expected, and nothing that would follow is asked any more. */
static enum check_judged
not_found_judge(struct judging *j)
{
	j->verdict->result = CHECK_L7OKC;
	return j->step + 1 == j->conf->steps + j->conf->count ? CHECK_JUDGED_PASS :
								CHECK_JUDGED_FAIL;
}

enum check_judged
check_judge_http(struct judging *j)
{
	struct answer a;
	enum check_judged judged = head_read(j, &a);

	if (judged != CHECK_JUDGED_PASS)
		return judged;
	j->verdict->code = a.head.status;
	body_read(j, &a);
	j->used = a.used;
	if (a.head.status == STATUS_NOT_FOUND && j->conf->disable_on_404)
		return not_found_judge(j);
	judged = answer_judge(j, &a);
	if (judged != CHECK_JUDGED_PASS)
		return judged;
	if (step_stays(j) && a.fault != HTTP_FAULT_NONE)
		return judge_fail(j, CHECK_L7RSP, "no valid HTTP answer: %s",
				  http_fault_name(a.fault));
	if (step_stays(j) && !a.is_whole && !j->is_end)
		return CHECK_JUDGED_MORE;
	return judge_pass(j);
}
