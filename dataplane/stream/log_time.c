/*
 * Dates for log lines, remembered by each thread.
 */
#include "config.h"
#include "stream/log_time.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SECONDS_KEPT	4	/* requests that end now began in different seconds; a power of two */
#define DATE_MAX_BYTES	40	/* with a year of five digits, and a zone */

struct dated {
	uint64_t	 second;
	size_t		 len;		/* 0: nothing yet */
	char		 text[DATE_MAX_BYTES];
};

static _Thread_local struct dated dates[LOG_DATES][SECONDS_KEPT];

static void
date_write(struct dated *d, enum log_date date, uint64_t second)
{
	/* in English, whatever the locale */
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	const time_t when = (time_t)second;
	struct tm tm = { 0 };
	long zone;
	int len;

	if (date == LOG_DATE_GMT_ZONE)
		gmtime_r(&when, &tm);
	else
		localtime_r(&when, &tm);
	len = snprintf(d->text, sizeof(d->text), "%02d/%s/%d:%02d:%02d:%02d", tm.tm_mday,
		       months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	if (date != LOG_DATE_LOCAL && len > 0 && (size_t)len < sizeof(d->text)) {
		zone = tm.tm_gmtoff / 60;
		len += snprintf(d->text + len, sizeof(d->text) - (size_t)len, " %c%02ld%02ld",
				zone < 0 ? '-' : '+', labs(zone) / 60, labs(zone) % 60);
	}
	d->second = second;
	d->len = len > 0 && (size_t)len < sizeof(d->text) ? (size_t)len : 0;
}

struct slice
log_date(enum log_date date, uint64_t second)
{
	struct dated *d = &dates[date][second % SECONDS_KEPT];

	if (d->len == 0 || d->second != second)
		date_write(d, date, second);
	return (struct slice){ d->text, d->len };
}
