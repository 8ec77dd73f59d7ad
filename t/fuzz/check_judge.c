/*
 * Answers to checks: the first byte says what is expected, and whether the answer ends there; the rest is the
 * answer. Cut anywhere its verdict is the same, and what is told of it is printable.
 */
#include "config.h"
#include <stdlib.h>
#include <string.h>
#include "server/check_conf.h"

#define ENDED	0x80

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What it is to be: without min_recv, and TCP's regexes, that are what came till now. */
static const struct {
	enum check_kind		 kind;
	enum check_match	 match;
	bool			 negate;
	const char		*pattern;
} rows[] = {
	{ CHECK_KIND_HTTP,	CHECK_MATCH_ANY,	false,	"" },
	{ CHECK_KIND_HTTP,	CHECK_MATCH_STATUS,	false,	"200-299,404" },
	{ CHECK_KIND_HTTP,	CHECK_MATCH_RSTATUS,	true,	"^5" },
	{ CHECK_KIND_HTTP,	CHECK_MATCH_STRING,	false,	"needle" },
	{ CHECK_KIND_HTTP,	CHECK_MATCH_STRING,	true,	"needle" },
	{ CHECK_KIND_HTTP,	CHECK_MATCH_RSTRING,	false,	"^ne+dle$" },
	{ CHECK_KIND_HTTP,	CHECK_MATCH_HEADER,	false,	"" },
	{ CHECK_KIND_TCP,	CHECK_MATCH_STRING,	false,	"PONG" },
	{ CHECK_KIND_TCP,	CHECK_MATCH_STRING,	true,	"PONG" },
	{ CHECK_KIND_TCP,	CHECK_MATCH_BINARY,	false,	"00ff" },
	{ CHECK_KIND_TCP,	CHECK_MATCH_RBINARY,	false,	"ff(00)+" },
	{ CHECK_KIND_TCP,	CHECK_MATCH_LINE,	false,	"+PONG" },
	{ CHECK_KIND_TCP,	CHECK_MATCH_REPLY,	false,	"" },
	{ CHECK_KIND_AGENT,	CHECK_MATCH_LINE,	false,	"" },
};

static void
claim(bool holds)
{
	if (!holds)
		abort();
}

/* Two of each: the first expects what another request follows. */
static struct check_conf *
conf_new(size_t row, bool stays)
{
	const struct check_expect expect = { .match = rows[row].match,
					     .negate = rows[row].negate,
					     .min_recv = -1,
					     .text = SLICE("x-a"),
					     .value_match = CHECK_VALUE_BEG,
					     .value = SLICE("b") };
	struct check_conf *conf;

	if (rows[row].kind == CHECK_KIND_AGENT) {
		claim(check_conf_new_agent(&conf, SLICE("x")) == ERR_OK);
		return conf;
	}
	claim(check_conf_new(&conf, rows[row].kind) == ERR_OK);
	for (int i = 0; i <= stays; i++) {
		const struct check_request request = { .version = SLICE("HTTP/1.1") };

		if (rows[row].kind == CHECK_KIND_HTTP)
			claim(check_conf_add_request(&conf, &request, NULL, NULL) == ERR_OK);
		else
			claim(check_conf_add_send(&conf, SLICE("x"), NULL) == ERR_OK);
		claim(check_conf_add_expect(&conf, &expect, slice_of(rows[row].pattern), NULL,
					    NULL) == ERR_OK);
	}
	claim(check_conf_end(&conf) == ERR_OK);
	return conf;
}

static void
verdict_claim(const struct check_verdict *v, enum check_judged judged)
{
	const size_t len = strnlen(v->detail, sizeof(v->detail));

	claim(len < sizeof(v->detail));
	for (size_t i = 0; i < len; i++)
		claim(v->detail[i] >= ' ' && v->detail[i] <= '~');
	claim(judged != CHECK_JUDGED_PASS || check_result_outcome(v->result) == CHECK_IS_PASS);
	claim(judged != CHECK_JUDGED_FAIL || check_result_outcome(v->result) == CHECK_IS_FAIL);
}

static enum check_judged
judge(const struct check_conf *conf, const uint8_t *data, size_t size, bool is_end,
      struct check_verdict *v)
{
	char *copy = malloc(size > 0 ? size : 1);
	enum check_judged judged;
	size_t used;

	claim(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	v->result = CHECK_UNKNOWN;
	judged = check_judge(conf, &conf->steps[2], (struct slice){ copy, size }, is_end, &used, v);
	free(copy);
	claim(used <= size);
	claim(!is_end || judged != CHECK_JUDGED_MORE);
	verdict_claim(v, judged);
	return judged;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct check_verdict whole, cut;
	struct check_conf *conf;
	enum check_judged judged, now;
	bool is_end;

	if (size == 0)
		return 0;
	is_end = data[0] & ENDED;
	conf = conf_new(data[0] / 2 % (sizeof(rows) / sizeof(rows[0])), data[0] & 1);
	data++;
	size--;
	judged = judge(conf, data, size, is_end, &whole);
	for (size_t len = 0; len < size; len++) {
		now = judge(conf, data, len, false, &cut);
		if (now == CHECK_JUDGED_MORE)
			continue;
		claim(now == judged && cut.result == whole.result && cut.code == whole.code);
		claim(strcmp(cut.detail, whole.detail) == 0);
	}
	check_conf_unref(&conf);
	return 0;
}
