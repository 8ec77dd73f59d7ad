/*
 * Converters of times since the epoch (HAProxy manual, 7.3.1): strftime(3) in local time or UTC, and the
 * date of HTTP fields. What has more than 55 bits is cut to these, as in HAProxy: a year beyond
 * would not fit in a struct tm.
 */
#include "config.h"
#include "expr/conv_priv.h"
#include <stdio.h>
#include <time.h>
#include "expr/conv_value_priv.h"

#define TIME_MASK		0x7fffffffffffffLL
#define FORMAT_MAX_BYTES	256	/* with fractions put in, and a NUL */
#define TEXT_MAX_BYTES		1024	/* what strftime() makes of it */
#define HTTP_DATE_MAX_BYTES	64	/* "Sun, 13 Jun 1141709097 06:26:07.123456 GMT" */

/* A time in some unit of `per_second`, written with as many digits behind the second. */
struct unit {
	const char	*name;
	uint32_t	 per_second;
	int		 digits;
};

static const struct unit seconds = { "s", 1, 0 };
static const struct unit milliseconds = { "ms", 1000, 3 };
static const struct unit microseconds = { "us", 1000000, 6 };
static const struct unit *const units[] = { &seconds, &milliseconds, &microseconds };

/* A number of some unit, cut at the second. */
struct moment {
	time_t		second;
	uint32_t	fraction;
};

static struct moment
moment_of(int64_t number, const struct unit *unit)
{
	int64_t second = number / unit->per_second, fraction = number % unit->per_second;

	return (struct moment){ (time_t)second, (uint32_t)(fraction < 0 ? -fraction : fraction) };
}

static int64_t
add_wrapping(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* %N is the fraction of the second in the formats of ms_utime and the like. False: it does not fit. */
static bool
format_fill(char out[FORMAT_MAX_BYTES], struct slice format, const struct unit *unit,
	uint32_t fraction)
{
	size_t len = 0;

	for (size_t i = 0; i < format.len; i++) {
		bool directive = format.at[i] == '%' && i + 1 < format.len;

		if (len + 8 > FORMAT_MAX_BYTES)
			return false;
		if (directive && format.at[i + 1] == 'N' && unit->digits > 0) {
			len += (size_t)snprintf(out + len, 8, "%0*u", unit->digits, fraction);
			i++;
			continue;
		}
		out[len++] = format.at[i];
		if (directive)
			out[len++] = format.at[++i];
	}
	out[len] = '\0';
	return true;
}

static enum err
format_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	char filled[FORMAT_MAX_BYTES];

	if (format_fill(filled, args->at[0].text, &microseconds, 0))
		return ERR_OK;
	diag_set(diag, "a format of more than some %d bytes", FORMAT_MAX_BYTES - 8);
	return ERR_INVALID;
}

static bool
time_run(struct eval *eval, const struct args *args, struct sample *sample,
	const struct unit *unit, struct tm *(*split)(const time_t *, struct tm *))
{
	struct moment at =
		moment_of(add_wrapping(sample->number & TIME_MASK, arg_number(args, 1, 0)), unit);
	size_t room = eval->room.left < TEXT_MAX_BYTES ? eval->room.left : TEXT_MAX_BYTES;
	char format[FORMAT_MAX_BYTES], *out = eval_take(eval, room);
	size_t len = 0;
	struct tm tm;

	if (out == NULL ||
	    !format_fill(format, args->at[0].text, unit, at.fraction) ||
	    split(&at.second, &tm) == NULL)
		return false;
	if (room > 0 && format[0] != '\0') {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"	/* it is the user's: that is the point */
		len = strftime(out, room, format, &tm);
#pragma GCC diagnostic pop
	}
	eval_trim(eval, out + len);
	return sample_is_text(sample, SAMPLE_STRING, out, len);
}

#define TIME(name, unit, split)							\
	static bool name##_run(struct eval *eval, const struct args *args, struct sample *sample) \
	{									\
		return time_run(eval, args, sample, &(unit), split);		\
	}
TIME(ltime, seconds, localtime_r)
TIME(utime, seconds, gmtime_r)
TIME(ms_ltime, milliseconds, localtime_r)
TIME(ms_utime, milliseconds, gmtime_r)
TIME(us_ltime, microseconds, localtime_r)
TIME(us_utime, microseconds, gmtime_r)

/* -- http_date -- */

static enum err
http_date_check(struct args *args, const struct compile_env *env, struct diag *diag)
{
	struct slice word = args->at[1].text;
	char shown[ARG_SHOWN_BYTES];

	args->number = 0;
	if (args->at[1].kind == ARG_NONE)
		return ERR_OK;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (slice_equals(word, slice_of(units[i]->name))) {
			args->number = (int64_t)i;
			return ERR_OK;
		}
	}
	diag_set(diag, "unit \"%s\": expected \"s\", \"ms\" or \"us\"",
		 arg_shown(shown, &args->at[1]));
	return ERR_INVALID;
}

/* RFC 9110, 5.6.7; finer units add their digits, as in HAProxy. */
static bool
http_date_run(struct eval *eval, const struct args *args, struct sample *sample)
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
		"Sep", "Oct", "Nov", "Dec" };
	const struct unit *unit = units[args->number];
	struct moment at = moment_of(add_wrapping(sample->number, arg_number(args, 0, 0)), unit);
	char *out = eval_take(eval, HTTP_DATE_MAX_BYTES), *end;
	struct tm tm;

	at.second &= TIME_MASK;
	if (out == NULL || gmtime_r(&at.second, &tm) == NULL)
		return false;
	end = out + snprintf(out, HTTP_DATE_MAX_BYTES, "%s, %02d %s %04lld %02d:%02d:%02d",
		days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], (long long)tm.tm_year + 1900,
		tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (unit->digits > 0)
		end += snprintf(end, 9, ".%0*u", unit->digits, at.fraction);
	memcpy(end, " GMT", 4);
	end += 4;
	eval_trim(eval, end);
	return sample_is_text(sample, SAMPLE_STRING, out, (size_t)(end - out));
}

#define TIME_ROW(word, does) \
	{                                                                                         \
#word, SAMPLE_INT, SAMPLE_STRING,                                                 \
			{ ARG_STRING, ARG_INT | ARG_OPTIONAL }, does, format_check, word##_run, 0 \
	}

static const struct conv rows[] = {
	{ "http_date",
	  SAMPLE_INT,
	  SAMPLE_STRING,
	  { ARG_INT | ARG_OPTIONAL, ARG_STRING | ARG_OPTIONAL },
		"the date of HTTP fields, moved by an offset; unit: s, ms or us",
		http_date_check, http_date_run, 0 },
	TIME_ROW(ltime, "seconds since the epoch as strftime(3) in local time, moved by an offset"),
	TIME_ROW(ms_ltime, "as ltime, of milliseconds; %N is their fraction"),
	TIME_ROW(ms_utime, "as utime, of milliseconds; %N is their fraction"),
	TIME_ROW(us_ltime, "as ltime, of microseconds; %N is their fraction"),
	TIME_ROW(us_utime, "as utime, of microseconds; %N is their fraction"),
	TIME_ROW(utime, "seconds since the epoch as strftime(3) in UTC, moved by an offset"),
};

struct conv_table conv_time = { rows, sizeof(rows) / sizeof(rows[0]), NULL };
