/*
 * What the end of a check is called. The words, where comments have quotes and where they have none, what is
 * counted as a step: all as HAProxy 2.6 was seen to have it, but for its blank before "at step" where there
 * are no words (a timeout).
 *
 * HAProxy says of tcp-check alone at which step it ended. Here HTTP's steps are named, too, where somebody
 * wrote a list of them, and the step of a header or of an answer that is none is told in our own words.
 *
 * Pure; any thread.
 */
#include "config.h"
#include <stdio.h>
#include "server/check_words_priv.h"

#define PATTERN_BYTES	 40	/* of a pattern in a detail, so that there is room for the comment */
#define TEXT_LEAST_BYTES 8	/* less of a text is not worth its room */
#define HTTP_SHORT_STEPS 3	/* connect, send, expect */

/* Columns: in the name of its step; whether its text is told there; what it looks for, when it found that (not). */
static const struct {
	const char	*step;
	bool		 has_text;
	const char	*content;	/* NULL: the text itself */
} match_words[] = {
	[CHECK_MATCH_ANY]	= { "expect",			 false,	"" },
	[CHECK_MATCH_STATUS]	= { "expect HTTP status codes",	 false,	"" },
	[CHECK_MATCH_RSTATUS]	= { "expect HTTP status regex",	 false,	"" },
	[CHECK_MATCH_STRING]	= { "expect string",		 true,	NULL },
	[CHECK_MATCH_RSTRING]	= { "expect regex",		 false,	" (regex)" },
	[CHECK_MATCH_BINARY]	= { "expect binary",		 true,	" (binary)" },
	[CHECK_MATCH_RBINARY]	= { "expect binary regex",	 false,	" (binary regex)" },
	[CHECK_MATCH_HEADER]	= { "expect HTTP header",	 true,	"" },
	[CHECK_MATCH_LINE]	= { "expect line",		 false,	"" },
	[CHECK_MATCH_REPLY]	= { "expect reply",		 false,	"" },
};

/* -- one line, as far as there is room -- */

static void
detail_add(char detail[CHECK_DETAIL_BYTES], const char *text)
{
	const size_t len = strlen(detail);

	snprintf(detail + len, CHECK_DETAIL_BYTES - len, "%s", text);
}

/* A blank, if something stands before. */
static void
detail_add_word(char detail[CHECK_DETAIL_BYTES], const char *text)
{
	if (detail[0] != '\0')
		detail_add(detail, " ");
	detail_add(detail, text);
}

/* At most `most` bytes with their end; the quotes are whole, whatever is cut. */
static void
detail_add_text(char detail[CHECK_DETAIL_BYTES], struct slice raw, size_t most, const char *quote)
{
	char text[CHECK_DETAIL_BYTES];
	const size_t taken = strlen(detail) + 2 * strlen(quote);

	if (taken >= CHECK_DETAIL_BYTES)
		return;
	if (most > CHECK_DETAIL_BYTES - taken)
		most = CHECK_DETAIL_BYTES - taken;
	detail_add(detail, quote);
	detail_add(detail, str_escape(text, most, raw));
	detail_add(detail, quote);
}

static void
detail_add_comment(char detail[CHECK_DETAIL_BYTES], const struct check_step *step,
		   const char *quote)
{
	static const char before[] = "comment: ";

	if (step->comment == NULL ||
	    strlen(detail) + sizeof(before) + TEXT_LEAST_BYTES + 2 > CHECK_DETAIL_BYTES)
		return;
	detail_add_word(detail, before);
	detail_add_text(detail, slice_of(step->comment), CHECK_DETAIL_BYTES, quote);
}

/* -- which step -- */

/* Of a preset nobody wrote the steps. */
static bool
conf_is_preset(const struct check_conf *conf)
{
	for (uint32_t i = 0; i < conf->count; i++) {
		const struct check_step *step = &conf->steps[i];

		if (step->kind == CHECK_STEP_EXPECT && (step->expect.match == CHECK_MATCH_LINE ||
							step->expect.match == CHECK_MATCH_REPLY))
			return true;
	}
	return false;
}

/* Steps were written; a bare connect is none, and HTTP's short form neither. */
static bool
conf_is_written(const struct check_conf *conf)
{
	const bool is_explicit = conf->steps[0].connect.is_explicit;

	switch (conf->kind) {
	case CHECK_KIND_TCP: return is_explicit || (conf->count > 1 && !conf_is_preset(conf));
	case CHECK_KIND_HTTP: return is_explicit || conf->count > HTTP_SHORT_STEPS;
	case CHECK_KIND_AGENT: break;
	}
	return false;
}

static bool
step_is_written(const struct check_step *step)
{
	return step->kind == CHECK_STEP_CONNECT ? step->connect.is_explicit : !step->is_implied;
}

/* From 1 on, as they were written. */
static unsigned
step_number(const struct check_conf *conf, const struct check_step *step)
{
	unsigned number = 0;

	for (const struct check_step *s = conf->steps; s <= step; s++)
		number += step_is_written(s);
	return number;
}

/* "at step 2"; HAProxy counts a preset's steps, too. */
static void
step_add_number(char detail[CHECK_DETAIL_BYTES], const struct check_conf *conf,
		const struct check_step *step)
{
	char text[sizeof("at step 4294967295")];

	if (!step_is_written(step))
		return;
	snprintf(text, sizeof(text), "at step %u", step_number(conf, step));
	detail_add_word(detail, text);
}

/* "connect port 80", "expect string 'PONG'"; what is sent may be long, and a secret. */
static void
step_add_words(char detail[CHECK_DETAIL_BYTES], const struct check_step *step)
{
	char text[sizeof(" port 65535")];

	switch (step->kind) {
	case CHECK_STEP_CONNECT:
		snprintf(text, sizeof(text), " port %u", step->connect.port);
		detail_add(detail, "connect");
		if (step->connect.port != 0)
			detail_add(detail, text);
		break;
	case CHECK_STEP_SEND:
		detail_add(detail, "send");
		break;
	case CHECK_STEP_EXPECT:
		detail_add(detail, match_words[step->expect.match].step);
		if (match_words[step->expect.match].has_text) {
			detail_add(detail, " ");
			detail_add_text(detail, step->expect.text, PATTERN_BYTES, "'");
		}
		break;
	}
}

/* "at step 1 of tcp-check (connect)" */
static void
step_add_place(char detail[CHECK_DETAIL_BYTES], const struct check_conf *conf,
	       const struct check_step *step)
{
	const bool is_http = conf->kind == CHECK_KIND_HTTP;

	if (!step_is_written(step) && step->kind != CHECK_STEP_CONNECT)
		return;
	if (step_is_written(step))
		step_add_number(detail, conf, step);
	else
		detail_add_word(detail, "at initial connection step");
	detail_add(detail, is_http ? " of http-check" : " of tcp-check");
	if (!step_is_written(step))
		return;
	detail_add(detail, " (");
	step_add_words(detail, step);
	detail_add(detail, ")");
}

/* -- what it was -- */

void
check_words_failed(char detail[CHECK_DETAIL_BYTES], const struct check_conf *conf,
		   const struct check_step *step, const char *what)
{
	detail[0] = '\0';
	detail_add(detail, what);
	if (conf_is_written(conf))
		step_add_place(detail, conf, step);
	detail_add_comment(detail, step, "'");
}

void
check_words_answer(char detail[CHECK_DETAIL_BYTES], const struct check_conf *conf,
		   const struct check_step *step, const char *what)
{
	detail[0] = '\0';
	detail_add(detail, what);
	if (conf_is_written(conf))
		step_add_number(detail, conf, step);
	detail_add_comment(detail, step, "");
}

void
check_words_empty(char detail[CHECK_DETAIL_BYTES], const struct check_conf *conf,
		  const struct check_step *step)
{
	if (conf->kind == CHECK_KIND_HTTP) {
		check_words_answer(detail, conf, step, "HTTP check got an empty response");
		return;
	}
	detail[0] = '\0';
	detail_add(detail, "TCPCHK got an empty response");
	if (conf->kind == CHECK_KIND_TCP)
		step_add_number(detail, conf, step);
	detail_add_comment(detail, step, "'");
}

/* HAProxy tells of HTTP not what it looked for. */
void
check_words_mismatch(char detail[CHECK_DETAIL_BYTES], const struct check_conf *conf,
		     const struct check_step *step)
{
	const bool negate = step->expect.negate;
	const char *content = match_words[step->expect.match].content;

	if (conf->kind == CHECK_KIND_HTTP) {
		check_words_answer(detail, conf, step,
				   negate ? "HTTP check matched unwanted content" :
					    "HTTP content check did not match");
		return;
	}
	detail[0] = '\0';
	detail_add(detail, negate ? "TCPCHK matched unwanted content" :
				    "TCPCHK did not match content");
	detail_add(detail, content == NULL ? " " : content);
	if (content == NULL)
		detail_add_text(detail, step->expect.text, PATTERN_BYTES, "'");
	step_add_number(detail, conf, step);
	detail_add_comment(detail, step, "");
}

const char *
check_words_passed(const struct check_conf *conf)
{
	const struct check_step *last = &conf->steps[conf->count - 1];

	if (conf->kind != CHECK_KIND_TCP)
		return "";
	if (conf_is_written(conf))
		return "(tcp-check)";
	if (last->kind == CHECK_STEP_EXPECT && last->expect.match == CHECK_MATCH_LINE)
		return "Redis server is ok";
	return "";
}
