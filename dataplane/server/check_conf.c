/*
 * A list of steps for checks: made, counted, freed.
 *
 * It grows by a step at a time while it is made, so its address changes until check_conf_end(). What goes
 * without saying is put in at the end: only then is it known what was not said.
 */
#include "config.h"
#include "server/check_conf.h"
#include <assert.h>
#include <stdlib.h>
#include "expr/regex.h"
#include "server/check_conf_priv.h"

enum err
check_conf_new(struct check_conf **cp, enum check_kind kind)
{
	struct check_conf *conf = calloc(1, sizeof(*conf));

	if (conf == NULL)
		return ERR_NOMEM;
	conf->refs = 1;
	conf->kind = kind;
	*cp = conf;
	return ERR_OK;
}

/* Copies are never NULL where there was memory, so that slices of nothing have an address, too. */
bool
check_slice_copy(struct slice *to, struct slice from)
{
	char *copy = malloc(from.len + 1);

	if (copy == NULL)
		return false;
	if (from.len > 0)
		memcpy(copy, from.at, from.len);
	copy[from.len] = '\0';
	*to = (struct slice){ copy, from.len };
	return true;
}

void
check_slice_free(struct slice *text)
{
	free((char *)(uintptr_t)text->at);
	*text = (struct slice){ NULL, 0 };
}

static void
expect_fini(struct check_expect *expect)
{
	check_slice_free(&expect->text);
	check_slice_free(&expect->value);
	regex_free(&expect->regex);
	free(expect->ranges);
}

void
check_step_fini(struct check_step *step)
{
	switch (step->kind) {
	case CHECK_STEP_CONNECT:
		break;
	case CHECK_STEP_SEND:
		check_slice_free(&step->send);
		break;
	case CHECK_STEP_EXPECT:
		expect_fini(&step->expect);
		break;
	}
	free(step->comment);
}

/* Room for one more at `at`, with nothing in it yet. */
static enum err
step_insert(struct check_conf **cp, uint32_t at, const struct check_step *step)
{
	const uint32_t count = (*cp)->count;
	struct check_conf *more = realloc(*cp, sizeof(*more) + (count + 1) * sizeof(*more->steps));

	if (more == NULL)
		return ERR_NOMEM;
	memmove(&more->steps[at + 1], &more->steps[at], (count - at) * sizeof(*more->steps));
	more->steps[at] = *step;
	more->count++;
	*cp = more;
	return ERR_OK;
}

enum err
check_step_add(struct check_conf **cp, struct check_step *step, const char *comment)
{
	enum err e = (*cp)->count < CHECK_STEPS_MAX ? ERR_OK : ERR_LIMIT;

	if (e == ERR_OK && comment != NULL && comment[0] != '\0') {
		step->comment = strdup(comment);
		e = step->comment == NULL ? ERR_NOMEM : ERR_OK;
	}
	if (e == ERR_OK)
		e = step_insert(cp, (*cp)->count, step);
	if (e != ERR_OK)
		check_step_fini(step);
	return e;
}

enum err
check_conf_add_connect(struct check_conf **cp, const struct check_connect *connect,
		       const char *comment)
{
	struct check_step step = { .kind = CHECK_STEP_CONNECT, .connect = *connect };

	step.connect.is_explicit = true;
	return check_step_add(cp, &step, comment);
}

enum err
check_conf_add_send(struct check_conf **cp, struct slice bytes, const char *comment)
{
	struct check_step step = { .kind = CHECK_STEP_SEND };

	if (!check_slice_copy(&step.send, bytes))
		return ERR_NOMEM;
	return check_step_add(cp, &step, comment);
}

enum err
check_conf_add_send_hex(struct check_conf **cp, struct slice hex, const char *comment,
			struct diag *diag)
{
	struct check_step step = { .kind = CHECK_STEP_SEND };
	enum err e = check_hex_read(&step.send, hex, "hex", diag);

	return e == ERR_OK ? check_step_add(cp, &step, comment) : e;
}

/* The last step of that kind; -1: there is none. */
static int
step_last(const struct check_conf *conf, enum check_step_kind kind)
{
	int i = (int)conf->count - 1;

	while (i >= 0 && conf->steps[i].kind != kind)
		i--;
	return i;
}

/* The default request goes behind the first CONNECT, whatever follows that. */
static enum err
request_imply(struct check_conf **cp)
{
	struct check_conf *own;
	struct check_step *made;
	enum err e = check_conf_new(&own, CHECK_KIND_HTTP);

	if (e != ERR_OK)
		return e;
	e = check_conf_add_request(&own, &(struct check_request){ .headers = NULL }, NULL, NULL);
	if (e == ERR_OK) {
		made = &own->steps[0];
		made->is_implied = true;
		e = step_insert(cp, 1, made);
		if (e == ERR_OK)
			own->count = 0;		/* its bytes have moved */
	}
	check_conf_unref(&own);
	return e;
}

enum err
check_conf_end(struct check_conf **cp)
{
	const struct check_step connect = { .kind = CHECK_STEP_CONNECT };
	const struct check_step fine = { .kind = CHECK_STEP_EXPECT,
					 .is_implied = true,
					 .expect = { .match = CHECK_MATCH_ANY, .min_recv = -1 } };
	enum err e = ERR_OK;

	if ((*cp)->count == 0 || (*cp)->steps[0].kind != CHECK_STEP_CONNECT)
		e = step_insert(cp, 0, &connect);
	if (e != ERR_OK || (*cp)->kind != CHECK_KIND_HTTP)
		return e;
	if (step_last(*cp, CHECK_STEP_SEND) < 0)
		e = request_imply(cp);
	if (e == ERR_OK && step_last(*cp, CHECK_STEP_EXPECT) < step_last(*cp, CHECK_STEP_SEND))
		e = step_insert(cp, (*cp)->count, &fine);
	return e;
}

struct check_conf *
check_conf_ref(struct check_conf *conf)
{
	conf->refs++;
	return conf;
}

void
check_conf_unref(struct check_conf **cp)
{
	struct check_conf *conf = *cp;

	*cp = NULL;
	if (conf == NULL)
		return;
	assert(conf->refs > 0);
	if (--conf->refs > 0)
		return;
	for (uint32_t i = 0; i < conf->count; i++)
		check_step_fini(&conf->steps[i]);
	free(conf);
}
