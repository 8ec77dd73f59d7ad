/*
 * What a check's failure is called: HAProxy's words, as its logs have them (log-health-checks).
 *
 * HAProxy names the step where there is a list of steps that somebody wrote: of tcp-check, that is; not of
 * a bare connect, nor of HTTP, where it is named here, too.
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

/* Of a preset nobody wrote the steps. */
static bool
conf_is_written(const struct check_conf *conf)
{
	const struct check_step *last = &conf->steps[conf->count - 1];
	char text[CHECK_STEP_TEXT_BYTES];

	if (conf->kind != CHECK_KIND_TCP)
		return false;
	if (conf->count == 1)
		return last->connect.is_explicit;
	return check_step_describe(text, conf, last)[0] != '\0';
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
	char text[CHECK_STEP_TEXT_BYTES];
	struct buf out = { 0 };

	buf_puts(&out, what);
	if (conf_is_written(conf))
		place_words(&out, conf, at);
	else if (check_step_describe(text, conf, &conf->steps[at])[0] != '\0')
		buf_printf(&out, "%s%s", out.len > 0 ? " " : "", text);
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
