/*
 * The process and the moment: time, environment, random numbers (HAProxy manual, 7.3.2 "date", "env",
 * "uuid"). Any thread.
 */
#include "config.h"
#include "expr/fetch_priv.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/random.h"

#define US_PER_S      1000000
#define UUID_BYTES    36		/* as text (RFC 9562, 4) */
#define HOSTNAME_BYTES 256		/* Linux has 64 */

static char hostname[HOSTNAME_BYTES];
static pthread_once_t hostname_once = PTHREAD_ONCE_INIT;

/* -- time; args->number: microseconds of the unit -- */

static bool
get_date(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	int64_t now = (int64_t)(eval->wall_us / (uint64_t)args->number);

	return !__builtin_add_overflow(now, args->at[0].number, &sample->number);
}

static bool
get_date_us(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	sample->number = (int64_t)(eval->wall_us % US_PER_S);
	return true;
}

static enum err
check_date(struct args *args, const struct compile_env *env, struct diag *diag)
{
	static const struct {
		struct slice	name;
		int64_t		us;
	} units[] = { { { "s", 1 }, US_PER_S }, { { "ms", 2 }, 1000 }, { { "us", 2 }, 1 } };

	args->number = US_PER_S;
	if (args->at[1].kind == ARG_NONE)
		return ERR_OK;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		args->number = units[i].us;
		if (slice_equals(args->at[1].text, units[i].name))
			return ERR_OK;
	}
	diag_set(diag, "expected \"s\", \"ms\" or \"us\" for the unit");
	return ERR_INVALID;
}

/* -- environment -- */

static bool
get_env(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	if (args->data == NULL)
		return false;
	sample->text = (struct slice){ args->data, (size_t)args->number };
	return true;
}

/* A copy, of when the expression was compiled: the environment does not change. */
static enum err
check_env(struct args *args, const struct compile_env *env, struct diag *diag)
{
	struct slice name = args->at[0].text;
	const char *value;

	if (memchr(name.at, '\0', name.len) != NULL)
		return ERR_OK;
	value = getenv(name.at);
	if (value == NULL)
		return ERR_OK;
	args->data = strdup(value);
	args->data_free = free;
	args->number = (int64_t)strlen(value);
	return args->data == NULL ? ERR_NOMEM : ERR_OK;
}

static void
hostname_read(void)
{
	if (gethostname(hostname, sizeof(hostname) - 1) != 0)
		hostname[0] = '\0';
}

static bool
get_hostname(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	pthread_once(&hostname_once, hostname_read);
	sample->text = slice_of(hostname);
	return true;
}

/* What HAProxy says since it has no more processes than one. */
static bool
get_proc(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	sample->number = 1;
	return true;
}

/* -- random -- */

static bool
get_rand(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	uint32_t any = (uint32_t)(random_u64() >> 32);

	sample->number =
		args->at[0].kind == ARG_NONE ? any : random_below((uint32_t)args->at[0].number);
	return true;
}

static enum err
check_rand(struct args *args, const struct compile_env *env, struct diag *diag)
{
	if (args->at[0].number >= 0 && args->at[0].number <= UINT32_MAX)
		return ERR_OK;
	diag_set(diag, "expected a range from 0 to %u", UINT32_MAX);
	return ERR_INVALID;
}

static char *
hex_write(char *out, uint64_t value, unsigned digits)
{
	static const char hex[] = "0123456789abcdef";

	while (digits-- > 0)
		*out++ = hex[value >> (4 * digits) & 0xf];
	return out;
}

/* RFC 9562, 5.4: version 4, variant 10, all else random. */
static bool
get_uuid(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	uint64_t high = random_u64(), low = random_u64();
	char *at = eval_take(eval, UUID_BYTES), *out = at;

	if (at == NULL)
		return false;
	high = (high & ~UINT64_C(0xf000)) | 0x4000;
	low = (low & ~(UINT64_C(3) << 62)) | UINT64_C(2) << 62;
	out = hex_write(out, high >> 32, 8);
	*out++ = '-';
	out = hex_write(out, high >> 16, 4);
	*out++ = '-';
	out = hex_write(out, high, 4);
	*out++ = '-';
	out = hex_write(out, low >> 48, 4);
	*out++ = '-';
	hex_write(out, low, 12);
	sample->text = (struct slice){ at, UUID_BYTES };
	return true;
}

static enum err
check_uuid(struct args *args, const struct compile_env *env, struct diag *diag)
{
	if (args->at[0].kind == ARG_NONE || args->at[0].number == 4)
		return ERR_OK;
	diag_set(diag, "expected 4 for the version: there is no other");
	return ERR_INVALID;
}

/* -- waiting -- */

static bool
get_wait_end(struct eval *eval, const struct args *args, struct fetch_cursor *cursor,
	struct sample *sample)
{
	sample->number = 1;
	eval->is_undecided |= !eval->is_final;
	return eval->is_final;
}

/* clang-format off */
#define NOTHING	{ ARG_NONE }
#define DATE	{ ARG_INT | ARG_OPTIONAL, ARG_STRING }
#define NAME	{ ARG_STRING }
#define NUMBER	{ ARG_INT | ARG_OPTIONAL }

static const struct fetch rows[] = {
	/* name		type		needs	args		which; help, check, get */
	{ "date",	SAMPLE_INT,	0,	DATE,		FETCH_ONE,
		"seconds since 1970, or ms, or us; and an offset", check_date, get_date },
	{ "date_us",	SAMPLE_INT,	0,	NOTHING,	FETCH_ONE,
		"the microseconds of the second", NULL, get_date_us },
	{ "env",	SAMPLE_STRING,	0,	NAME,		FETCH_ONE,
		"a variable of the environment", check_env, get_env },
	{ "hostname",	SAMPLE_STRING,	0,	NOTHING,	FETCH_ONE,	"the system's name",
		NULL, get_hostname },
	{ "proc",	SAMPLE_INT,	0,	NOTHING,	FETCH_ONE,	"always 1",
		NULL, get_proc },
	{ "rand",	SAMPLE_INT,	0,	NUMBER,		FETCH_ONE,
		"a random number from 0, below 2^32 or what is given", check_rand, get_rand },
	{ "uuid",	SAMPLE_STRING,	0,	NUMBER,		FETCH_ONE,
		"a random UUID, of version 4", check_uuid, get_uuid },
	{ "wait_end",	SAMPLE_BOOL,	0,	NOTHING,	FETCH_ONE,
		"true once nothing more is waited for; not there before", NULL, get_wait_end },
};
/* clang-format on */

struct fetch_table fetch_misc = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
