/*
 * regsub: what a regular expression finds, replaced (HAProxy manual, 7.3.1).
 *
 * The search goes on behind each match in what is left, as if nothing was before it but a line's begin: so
 * does HAProxy.
 */
#include "config.h"
#include "expr/conv_priv.h"
#include "expr/conv_value_priv.h"
#include "expr/regex.h"

enum { REGEX, FORMAT, FLAGS };	/* arguments */

/* check(): args->number is 1 if all matches are replaced. */
static enum err
regsub_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	struct slice flags = args->at[FLAGS].text;
	bool nocase = false;
	enum err err;

	args->number = 0;
	for (size_t i = 0; i < flags.len; i++) {
		if (flags.at[i] == 'i') {
			nocase = true;
		} else if (flags.at[i] == 'g') {
			args->number = 1;
		} else {
			diag_set(diag, "expected \"g\" and \"i\" as flags");
			return ERR_INVALID;
		}
	}
	err = regex_check_format(args->at[FORMAT].text, diag);
	if (err != ERR_OK)
		return err;
	return regex_compile(&args->at[REGEX].regex, args->at[REGEX].text, nocase, diag);
}

/* What is written, into all of the evaluation's room. */
struct output {
	char	*at;
	size_t	 left;
};

static bool
output_put(struct output *out, const char *bytes, size_t len)
{
	if (len > out->left)
		return false;
	if (len > 0)
		memcpy(out->at, bytes, len);
	out->at += len;
	out->left -= len;
	return true;
}

static void
slice_skip(struct slice *text, size_t len)
{
	text->at += len;
	text->len -= len;
}

/* One match: what is before it, and what replaces it. */
static bool
match_replace(struct output *out, struct slice *rest, struct slice format,
	const struct regex_groups *groups)
{
	struct slice match = groups->at[0];
	size_t written, before;

	if (match.at == NULL)
		return false;
	before = (size_t)(match.at - rest->at);
	if (!output_put(out, rest->at, before) ||
	    regex_expand(out->at, out->left, &written, format, groups) != ERR_OK)
		return false;
	out->at += written;
	out->left -= written;
	slice_skip(rest, before + match.len);
	return true;
}

/* An empty match where the search began is found for ever, if no byte is passed. */
static bool
all_replace(struct output *out, struct slice text, const struct args *args)
{
	const struct regex *regex = args->at[REGEX].regex;
	struct regex_groups groups;
	bool found = regex_match(regex, text, &groups), is_end = text.len == 0;

	while (found) {
		const char *first = text.at;

		if (!match_replace(out, &text, args->at[FORMAT].text, &groups))
			return false;
		if (args->number == 0 || is_end)
			break;
		if (text.at == first && text.len > 0) {
			if (!output_put(out, text.at, 1))
				return false;
			slice_skip(&text, 1);
		}
		is_end = text.len == 0;
		found = regex_match_rest(regex, text, &groups);
	}
	return output_put(out, text.at, text.len);
}

static bool
regsub_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	size_t room = eval->room.left;
	char *first = eval_take(eval, room);
	struct output out = { first, room };
	struct slice text = { sample->text.at == NULL ? "" : sample->text.at, sample->text.len };
	bool fits = all_replace(&out, text, args);

	eval_trim(eval, fits ? out.at : first);
	return fits && sample_is_text(sample, SAMPLE_STRING, first, (size_t)(out.at - first));
}

static const struct conv rows[] = {
	{ "regsub",
	  SAMPLE_STRING,
	  SAMPLE_STRING,
	  { ARG_STRING, ARG_STRING, ARG_STRING | ARG_OPTIONAL },
		"the first match of a regular expression replaced; flags: g (all), i (case ignored)",
		regsub_check, regsub_run, 0 },
};

struct conv_table conv_regsub = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
