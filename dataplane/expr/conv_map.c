/*
 * map and its kin: what a map says about a value (HAProxy manual, 7.3.1). A row for each match method and
 * type of values; all are one function.
 */
#include "config.h"
#include "expr/conv_priv.h"
#include <arpa/inet.h>
#include "core/network.h"
#include "expr/compile.h"
#include "expr/conv_value_priv.h"
#include "expr/map.h"

enum { MAP, DEFAULT };		/* arguments */

/* An address without a prefix length. */
static bool
ip_parse(struct ip *ip, struct slice text)
{
	struct network net;

	if (memchr(text.at, '/', text.len) != NULL || network_parse(&net, text, NULL) != ERR_OK)
		return false;
	memcpy(ip->bytes, net.bytes, sizeof(ip->bytes));
	ip->is_ipv4 = net.is_ipv4;
	return true;
}

/* The default has to be of the values' type: then it is known here, and run() only copies it. */
static enum err
default_check(struct arg *arg, enum sample_type type, struct diag *diag)
{
	char shown[ARG_SHOWN_BYTES];

	if (arg->kind == ARG_NONE || type == SAMPLE_STRING)
		return ERR_OK;
	if (type == SAMPLE_INT ? int_parse(arg->text, &arg->number) == ERR_OK
			       : arg->text.len > 0 && ip_parse(&arg->mask, arg->text))
		return ERR_OK;
	diag_set(diag, "default \"%s\": expected %s", arg_shown(shown, arg),
		type == SAMPLE_INT ? "a number" : "an address");
	return ERR_INVALID;
}

static enum err
map_check(struct args *args, const struct compile_env *env, struct slice method,
	enum sample_type type, struct diag *diag)
{
	enum err err = default_check(&args->at[DEFAULT], type, diag);

	if (err != ERR_OK)
		return err;
	args->number = type;
	args->at[MAP].ref =
		refs_add_map(env->refs, args->at[MAP].text, match_find(method), false, type);
	return args->at[MAP].ref != NULL ? ERR_OK : ERR_NOMEM;
}

static bool
default_is(const struct arg *arg, enum sample_type type, struct sample *sample)
{
	if (arg->kind == ARG_NONE)
		return false;
	sample->type = type;
	sample->text = arg->text;
	sample->number = arg->number;
	sample->ip = arg->mask;
	return true;
}

static bool
map_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	const struct map_view *view = args->at[MAP].ref->object;
	struct sample value;

	if (view != NULL && map_view_find(view, eval, sample, &value)) {
		*sample = value;
		return true;
	}
	return default_is(&args->at[DEFAULT], (enum sample_type)args->number, sample);
}

/* clang-format off */

/* Columns: the name's part and match method, what it takes, for people. */
#define METHODS(X)							\
	X(beg,	STRING,	"begins with")					\
	X(bin,	BINARY,	"is, in hexadecimal digits")			\
	X(dir,	STRING,	"has between slashes")				\
	X(dom,	STRING,	"has between dots")				\
	X(end,	STRING,	"ends with")					\
	X(int,	INT,	"is, or has in its range")			\
	X(ip,	IP,	"lies in")					\
	X(len,	STRING,	"is as long as")				\
	X(reg,	STRING,	"matches the regular expression")		\
	X(str,	STRING,	"is")						\
	X(sub,	STRING,	"contains")

/* Columns: what is behind the name, the type of values. */
#define OUTPUTS(X, method, in, does)					\
	X(method, , in, STRING, does)					\
	X(method, _int, in, INT, does)					\
	X(method, _ip, in, IP, does)

#define CHECK(method, suffix, in, out, does)				\
	static enum err							\
	map_##method##suffix##_check(struct args *args, const struct compile_env *env, \
		struct diag *diag)					\
	{								\
		return map_check(args, env, SLICE(#method), SAMPLE_##out, diag); \
	}
#define CHECKS(method, in, does) OUTPUTS(CHECK, method, in, does)
METHODS(CHECKS)
CHECK(regm, , STRING, STRING, "")

#define ROW_NAMED(word, method, suffix, in, out, does)			\
	{ word, SAMPLE_##in, SAMPLE_##out, { ARG_MAP, ARG_STRING | ARG_OPTIONAL }, \
		"the value of the map's entry whose key it " does ", or a default", \
		map_##method##suffix##_check, map_run, 0 },
#define ROW(method, suffix, in, out, does)				\
	ROW_NAMED("map_" #method #suffix, method, suffix, in, out, does)
#define ROWS(method, in, does) OUTPUTS(ROW, method, in, does)

static const struct conv rows[] = {
	ROW_NAMED("map", str, , STRING, STRING, "is")
	METHODS(ROWS)
	ROW_NAMED("map_regm", regm, , STRING, STRING, "matches, with \\1 and the like put in")
};

/* clang-format on */

struct conv_table conv_map = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
