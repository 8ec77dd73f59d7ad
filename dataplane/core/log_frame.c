/*
 * What stands before a line: priority, time, host, tag, pid, as HAProxy's `log ... format` has them. Pure.
 */
#include "config.h"
#include "core/log_priv.h"
#include <stdio.h>
#include <time.h>

#define LOG_TAG "sluice"

/*
 * A letter is a part, all else stands for itself: P priority, L level, T time of RFC 3164, I ISO time,
 * H host, G tag, N pid.
 */
static const char *const forms[] = {
	[LOG_FRAMING_BY_KIND]	= "",	/* not in a target: it is settled when that is made */
	[LOG_FRAMING_RAW]	= "",
	[LOG_FRAMING_RFC3164]	= "<P>T H G[N]: ",
	[LOG_FRAMING_RFC5424]	= "<P>1 I H G N - - ",
	[LOG_FRAMING_SHORT]	= "<L>",
	[LOG_FRAMING_TIMED]	= "<L>I ",
	[LOG_FRAMING_ISO]	= "I ",
	[LOG_FRAMING_PRIORITY]	= "<P>",
	[LOG_FRAMING_LOCAL]	= "<P>T G[N]: ",
};

/* The local time, as syslog has it: the texts of a second are made once. */
static void
stamp_second(struct log_stamp *stamp, uint64_t second)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const time_t t = (time_t)second;
	unsigned offset_min;
	struct tm tm;

	stamp->second = second;
	if (localtime_r(&t, &tm) == NULL)
		tm = (struct tm){ .tm_mday = 1, .tm_year = 70 };
	snprintf(stamp->rfc3164, sizeof(stamp->rfc3164), "%.3s %2u %02u:%02u:%02u",
		 months + 3 * ((unsigned)tm.tm_mon % 12), (unsigned)tm.tm_mday % 100,
		 (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
	offset_min = (unsigned)(tm.tm_gmtoff < 0 ? -tm.tm_gmtoff : tm.tm_gmtoff) / 60;
	snprintf(stamp->iso, sizeof(stamp->iso), "%04u-%02u-%02uT%02u:%02u:%02u.000000%c%02u:%02u",
		 ((unsigned)tm.tm_year + 1900) % 10000, (unsigned)tm.tm_mon % 12 + 1,
		 (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
		 (unsigned)tm.tm_sec % 100, tm.tm_gmtoff < 0 ? '-' : '+', offset_min / 60 % 100,
		 offset_min % 60);
}

void
log_stamp_set(struct log_stamp *stamp, uint64_t wall_us)
{
	uint64_t second = wall_us / 1000000, us = wall_us % 1000000;

	if (second != stamp->second)
		stamp_second(stamp, second);
	for (char *digit = stamp->iso + 25; digit >= stamp->iso + 20; digit--) {
		*digit = (char)('0' + us % 10);
		us /= 10;
	}
}

/* Without a letter of its own a part is the letter. */
static struct slice
part_of(const char *letter, char number[16], const struct log_target_conf *conf,
	enum log_level level, const struct log_who *who, const struct log_stamp *stamp)
{
	unsigned value;

	switch (*letter) {
	case 'T':
		return slice_of(stamp->rfc3164);
	case 'I':
		return slice_of(stamp->iso);
	case 'H':
		return slice_of(who->host);
	case 'G':
		return SLICE(LOG_TAG);
	case 'P':
		value = conf->facility * 8 + level;
		break;
	case 'L':
		value = level;
		break;
	case 'N':
		value = (unsigned)who->pid;
		break;
	default:
		return (struct slice){ letter, 1 };
	}
	return (struct slice){ number, (size_t)snprintf(number, 16, "%u", value) };
}

struct slice
log_frame(char head[LOG_HEAD_MAX_BYTES], const struct log_target_conf *conf, enum log_level level,
	  const struct log_who *who, const struct log_stamp *stamp)
{
	size_t len = 0;
	char number[16];

	for (const char *letter = forms[conf->framing]; *letter != '\0'; letter++) {
		struct slice part = part_of(letter, number, conf, level, who, stamp);

		if (part.len > LOG_HEAD_MAX_BYTES - len)
			break;
		memcpy(head + len, part.at, part.len);
		len += part.len;
	}
	return (struct slice){ head, len };
}
