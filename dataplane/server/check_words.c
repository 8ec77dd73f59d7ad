/*
 * What a check's failure is called: HAProxy's words, as its logs have them (log-health-checks).
 *
 * HAProxy names the step where there is a list of steps that somebody wrote: of tcp-check, that is; not of
 * a bare connect, nor of HTTP.
 *
 * Control thread.
 */
#include "config.h"
#include <stdio.h>
#include "server/check_priv.h"

static const struct {
	const char *words;
	bool has_text;
} expect_words[] = {
	[CHECK_MATCH_ANY] = { "expect", false },
	[CHECK_MATCH_STATUS] = { "expect HTTP status codes", false },
	[CHECK_MATCH_RSTATUS] = { "expect HTTP status regex", false },
	[CHECK_MATCH_STRING] = { "expect string", true },
	[CHECK_MATCH_RSTRING] = { "expect regex", false },
	[CHECK_MATCH_BINARY] = { "expect binary", true },
	[CHECK_MATCH_RBINARY] = { "expect binary regex", false },
	[CHECK_MATCH_HEADER] = { "expect HTTP header", false },
	[CHECK_MATCH_LINE] = { "expect line", false },
};

static bool
conf_is_written(const struct check_conf *conf)
{
	const struct check_step *first = &conf->steps[0];

	return conf->kind == CHECK_KIND_TCP && !conf->is_preset &&
	       (conf->count > 1 || first->connect.is_explicit);
}

static void
step_words(struct buf *out, const struct check_step *step)
{
	char text[CHECK_DETAIL_BYTES];

	switch (step->kind) {
	case CHECK_STEP_CONNECT:
		buf_puts(out, "connect");
		if (step->connect.port != 0)
			buf_printf(out, " port %u", step->connect.port);
		break;
	case CHECK_STEP_SEND: buf_puts(out, "send"); break;
	case CHECK_STEP_EXPECT:
		buf_puts(out, expect_words[step->expect.match].words);
		if (expect_words[step->expect.match].has_text)
			buf_printf(out, " '%s'", str_escape(text, sizeof(text), step->expect.text));
		break;
	}
}

static void
place_words(struct buf *out, const struct check_conf *conf, uint32_t at)
{
	const struct check_step *step = &conf->steps[at];
	const bool is_counted = conf->steps[0].connect.is_explicit;
	char text[CHECK_DETAIL_BYTES];

	if (out->len > 0)
		buf_puts(out, " ");
	if (at == 0 && !is_counted) {
		buf_puts(out, "at initial connection step of tcp-check");
		return;
	}
	buf_printf(out, "at step %u of tcp-check (", is_counted ? at + 1 : at);
	step_words(out, step);
	buf_puts(out, ")");
	if (step->comment != NULL)
		buf_printf(out, " comment: '%s'",
			   str_escape(text, sizeof(text), slice_of(step->comment)));
}

void
check_words_failed(char detail[CHECK_DETAIL_BYTES], const struct check_conf *conf, uint32_t at,
		   const char *what)
{
	struct buf out = { 0 };

	buf_puts(&out, what);
	if (conf_is_written(conf))
		place_words(&out, conf, at);
	buf_put(&out, "", 1);
	if (out.failed)
		(void)snprintf(detail, CHECK_DETAIL_BYTES, "%s", what);
	else
		(void)snprintf(detail, CHECK_DETAIL_BYTES, "%s", out.at);
	buf_fini(&out);
}

const char *
check_words_passed(const struct check_conf *conf)
{
	return conf_is_written(conf) ? "(tcp-check)" : "";
}
